"""Real parts to try micstream on: rooms, a virtual microphone, a browser."""
