"""Senders to be measured against: small programs that do the same job in another way."""
