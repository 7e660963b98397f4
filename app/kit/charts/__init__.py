"""Charts: what every one of them is, looks like and can do."""
