"""Fine-tuning by the trainers of Ultralytics, with the pruned network kept as it is."""
