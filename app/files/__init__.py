"""Every way into and out of the session: open, save, watch, recover."""
