"""Performers: several microphones in one session, one of which has the voice."""
