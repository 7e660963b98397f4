"""Dialogs, imported when they are first shown."""
