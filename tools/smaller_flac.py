"""FLAC files encoded anew by libavcodec, which finds better predictors than libFLAC: the same
samples in less space. A file that does not get smaller stays as it is.

    python -m tools.smaller_flac assets/sentences.flac ...
"""

from __future__ import annotations

import sys
import tempfile
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np

_BLOCK: Final = 4_096
_FRAMES: Final = (1_152, 2_304, 4_096, 4_608)
"""Samples of a frame: which is best depends on the sound."""
_BITS: Final = (8, 9, 10)
"""Of a predictor's coefficient: more would be nearer, and take more room than that saves."""
_OPTIONS: Final = {
    "compression_level": "12",
    "lpc_type": "cholesky",
    "lpc_passes": "8",
    "exact_rice_parameters": "1",
    "max_partition_order": "8",
    "prediction_order_method": "search",
    "max_prediction_order": "32",
}


def shrink(path: Path) -> int:
    """Encode it anew, where that makes it smaller; how many bytes that saves."""
    rate, samples = _read(path)
    with tempfile.TemporaryDirectory() as folder:
        tried = []
        for size, bits in product(_FRAMES, _BITS):
            tried.append(Path(folder) / f"{size}-{bits}.flac")
            chosen = {"frame_size": f"{size}", "lpc_coeff_precision": f"{bits}"}
            _write(tried[-1], rate, samples, chosen)
        made = min(tried, key=lambda file: file.stat().st_size)
        if not np.array_equal(_read(made)[1], samples):
            raise SystemExit(f"smaller_flac: {path} would not be the same")
        saved = path.stat().st_size - made.stat().st_size
        if saved > 0:
            path.write_bytes(made.read_bytes())
    return max(0, saved)


def _read(path: Path) -> tuple[int, Any]:
    import av

    with av.open(str(path)) as box:
        rate = box.streams.audio[0].rate
        return rate, np.concatenate([each.to_ndarray() for each in box.decode(audio=0)], axis=1)


def _write(path: Path, rate: int, samples: Any, chosen: dict[str, str]) -> None:
    import av

    with av.open(str(path), "w", format="flac", options={"metadata_header_padding": "0"}) as box:
        stream: Any = box.add_stream("flac", rate=rate)
        stream.layout = "mono"
        stream.codec_context.format = "s16"
        stream.codec_context.options = _OPTIONS | chosen
        for at in range(0, samples.shape[1], _BLOCK):
            block = np.ascontiguousarray(samples[:1, at : at + _BLOCK])
            frame = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
            frame.rate, frame.pts = rate, at
            box.mux(stream.encode(frame))
        box.mux(stream.encode())


def main() -> None:
    for name in sys.argv[1:]:
        print(f"{name}: {shrink(Path(name))} bytes less")


if __name__ == "__main__":
    main()
