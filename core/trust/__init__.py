"""Modules of the user's own: which are trusted, what is in them, and how they are run.

A checkpoint stores the state of its modules and the names of their classes, never their code. What
is not part of Ultralytics is loaded from Python files that the user named, looked at and agreed to
run: nothing in a checkpoint, a description or a project makes a module trusted. Needs no torch.
"""
