"""Exported files as networks: what is in them, how they run, and how long they take."""
