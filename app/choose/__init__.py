"""Channels chosen by Secateur: ranking, goal, suggestion."""
