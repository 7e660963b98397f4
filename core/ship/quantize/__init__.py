"""Quantising: a network as an INT8 file, with the layers in higher precision that pay for it."""
