"""Models put side by side."""

from core.compare.files import compare_files, compare_layer_files

__all__ = ["compare_files", "compare_layer_files"]
