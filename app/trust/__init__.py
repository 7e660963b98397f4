"""Modules of the user's own: shown, trusted, listed and removed."""
