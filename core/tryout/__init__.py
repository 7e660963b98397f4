"""Networks tried on images without labels: what each finds, and how long it takes."""
