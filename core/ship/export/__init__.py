"""Export: a network in the formats of other runtimes, compared with the checkpoint it came from."""
