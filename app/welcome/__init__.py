"""What a newcomer meets: the start page and the demo."""
