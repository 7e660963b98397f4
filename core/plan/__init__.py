"""Planning: what should go, what follows, what it saves. No torch."""
