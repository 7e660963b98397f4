"""Understanding: from a network to its channel table and block graph."""
