"""Torch-Pruning, which Secateur is compared with: for benchmarks and the tables of documents."""
