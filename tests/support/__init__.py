"""What the tests share: rooms with real participants, and a microphone without hardware."""
