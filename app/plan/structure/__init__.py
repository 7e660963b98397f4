"""Units, branches, scales and classes, removed by hand."""
