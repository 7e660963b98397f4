"""Fine-tuning by Ultralytics' own trainers, with the pruned network kept as it is."""
