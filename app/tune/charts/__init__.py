"""Charts of a fine-tuning, and of several."""
