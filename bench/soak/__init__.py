"""Hours of speech and pauses, and what they leave behind. Run it: `python -m bench.soak`."""
