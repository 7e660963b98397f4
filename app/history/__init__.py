"""The tree of what was made of a network."""
