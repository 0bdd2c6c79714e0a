"""Speak through a talking avatar, live."""
