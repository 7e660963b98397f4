"""Milliseconds: the layer table, whole networks, the target."""
