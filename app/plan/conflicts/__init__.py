"""What would break without Secateur: searched, counted, and listed."""
