"""Accuracy by block and ratio, and pruning one by one by it."""
