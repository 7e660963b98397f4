"""What the network looks like: boxes, lines, signs and their colours, from a state."""
