"""Models side by side: tables, charts, images, and on the graph."""
