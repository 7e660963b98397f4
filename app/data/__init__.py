"""The dataset: chosen, checked, shown."""
