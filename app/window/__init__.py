"""The frame: modes, header, scorecard, inspector, drawer and the graph."""
