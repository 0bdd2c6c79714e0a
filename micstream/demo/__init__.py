"""What a machine without a LiveKit server and without an avatar needs: one of each."""
