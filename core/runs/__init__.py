"""Long jobs, each a process of its own whose whole state lies in a folder. Needs no torch to watch.

A job's folder holds ``job.json`` (what it is and how it stands), ``events.jsonl`` (what it told,
append-only), ``control`` (what it was told), ``log.txt`` and its results. Whoever reads the folder
knows all: a window may close, crash and come back.
"""
