"""Internal errors shown, and the problem report."""
