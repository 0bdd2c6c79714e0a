"""Weights of the speech presence, in the order of its features; fitted as `bench.presence` does."""

from __future__ import annotations

from typing import Final

BIAS: Final = 0.153
WEIGHTS: Final = (
    # the network's newest words (log odds)
    *(0.8416, -0.0385, 0.0366),
    # each band over its floor, dB
    *(
        -0.0355,
        0.0347,
        0.0334,
        0.0938,
        -0.0479,
        -0.1169,
        -0.0403,
        -0.0301,
        0.1512,
        -0.0649,
        -0.0585,
    ),
    # each band below the highest, dB
    *(-0.0397, -0.0241, 0.0330, 0.0006, -0.0247, 0.0683, 0.0047, 0.0040, -0.0144, -0.0117, 0.0507),
    # all bands over their floors; share of bands that stand out; change; webrtcvad
    *(-0.0029, 2.9305, -0.0096, -0.6216),
)
