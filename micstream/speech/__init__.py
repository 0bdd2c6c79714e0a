"""Pure speech: from samples to utterances. No I/O, no clock: time is a sample index."""
