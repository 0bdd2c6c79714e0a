"""Every fault a stage knows, provoked for real: `python -m chaos`."""
