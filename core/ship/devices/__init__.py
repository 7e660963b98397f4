"""Milliseconds of another device: what runs there, how it is reached, and which are known."""
