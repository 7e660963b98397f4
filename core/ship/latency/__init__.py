"""Latency: measured on this machine, and predicted from a table measured on this machine."""
