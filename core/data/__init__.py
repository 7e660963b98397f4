"""Images with labels: read as a stream, and used to evaluate. The person's files are only read."""
