"""Where the parts of a network stand in a drawing: for the window and for reports. Plain values."""
