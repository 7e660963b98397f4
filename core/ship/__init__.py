"""Ship: what a network costs where it runs."""
