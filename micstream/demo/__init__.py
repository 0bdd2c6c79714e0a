"""Demo: a LiveKit server and an avatar for a machine that has neither."""
