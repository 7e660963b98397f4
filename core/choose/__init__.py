"""Choosing what goes: scores kept by model and data, targets met, alternatives next to them."""
