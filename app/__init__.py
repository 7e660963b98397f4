"""The window: Qt, numpy and networkx; never torch."""
