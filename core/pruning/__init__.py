"""Surgery, criteria and proof."""
