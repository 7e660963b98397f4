"""Everything that runs outside the thread of the window."""
