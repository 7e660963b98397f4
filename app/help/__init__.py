"""Help without a network connection: one page in the program's own words and pictures."""
