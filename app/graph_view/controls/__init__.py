"""What the pointer and the keys do, and what lies over the drawing: minimap, legend, zoom."""
