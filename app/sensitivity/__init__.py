"""How much accuracy each block bears."""
