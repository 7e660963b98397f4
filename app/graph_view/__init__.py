"""The graph of the network: state, items, scene, view; `core.drawing` lays it out."""
