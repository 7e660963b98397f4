"""Milliseconds predicted from a table of layers."""
