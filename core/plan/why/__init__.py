"""Why one layer changes with another, and what would break without that."""
