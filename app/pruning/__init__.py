"""Prune, prove, repair; one by one."""
