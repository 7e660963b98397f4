"""Milliseconds: whose they are, and what tells them."""
