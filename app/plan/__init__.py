"""What is pruned, and what follows from it."""
