"""What happened, shown: as lines for people, as JSON for programs."""
