"""Planning: what shall go, what follows, what it saves. No torch."""
