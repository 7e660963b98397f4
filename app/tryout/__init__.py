"""Try an image: what the original and the pruned networks find on a person's own images."""
