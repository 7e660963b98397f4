"""Starts one process: the window, the hand-over to a running one, the self-test."""
