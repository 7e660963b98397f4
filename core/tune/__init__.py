"""Sensitivity, steps, and what comes after pruning."""
