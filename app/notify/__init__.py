"""Notifications of the desktop when something long ends behind other windows."""
