"""Icons, style sheets and the demo, as package data."""
