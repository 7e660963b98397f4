"""Long jobs, each a separate process whose whole state is in a folder. Needs no torch to watch.

A job's folder holds ``job.json`` (what it is and how it is), ``events.jsonl`` (its events,
append-only), ``control`` (its last command), ``log.txt`` and its results. Whoever reads the folder
knows all: a window may close, crash and come back.
"""
