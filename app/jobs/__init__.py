"""Slow work: a worker on a QThread that owns one engine process."""
