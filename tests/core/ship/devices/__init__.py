"""Devices: reached by ssh, or by an archive."""
