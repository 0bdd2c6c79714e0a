"""The show's control: cues, and the ways in by which a crew controls a session."""
