"""The frame: its parts, menus, docks and the graph between them."""
