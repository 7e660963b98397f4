"""A search for plans: trials drawn, measured in accuracy and milliseconds, and their front."""
