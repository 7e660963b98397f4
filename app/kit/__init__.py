"""Colours, widgets, tables and number formats; knows nothing of Secateur."""
