"""The layout of the window: header, scorecard, work modes, inspector, drawer, status bar."""
