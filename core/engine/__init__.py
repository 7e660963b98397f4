"""The engine process: the line protocol and the model in memory."""
