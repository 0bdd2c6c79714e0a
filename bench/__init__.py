"""Figures of micstream, each beside a peer's in one run: segmentation, delay, cost."""
