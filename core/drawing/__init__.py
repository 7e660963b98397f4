"""Where the parts of a network are in a drawing: for the window and for reports. Plain values."""
