"""Pictures of a dataset, decoded off the window's thread, and what is marked in them."""
