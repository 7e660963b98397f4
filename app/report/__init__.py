"""The page to hand over."""
