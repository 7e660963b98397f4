"""Other formats, and whether they equal the checkpoint."""
