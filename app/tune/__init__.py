"""Fine-tuning: the form, the run, its result."""
