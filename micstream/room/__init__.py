"""LiveKit: connection, tokens, links and calls. Every call of the SDK is made here."""
