"""Units, branches, scales and classes: what can go, what a plan takes, and what is left."""
