"""Images with labels: read as a stream, and used to evaluate. The user's files are only read."""
