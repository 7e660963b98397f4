"""Deployment kits: an exported network with examples that run it, and what they should find."""
