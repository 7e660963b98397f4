"""What the window knows: objects and signals, no widget."""
