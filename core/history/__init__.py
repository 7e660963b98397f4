"""The tree of steps: its nodes on disk, read as a tree, and what is remembered."""
