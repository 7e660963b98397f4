"""Search: many plans around the goal, measured in accuracy and milliseconds."""
