"""What the person looks at."""
