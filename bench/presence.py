"""Fit the weights of the speech presence (`micstream.speech.presence`) to labelled sets.

FOLDER as for bench.sets. From every third recording of running speech whispers are made, too, for
there are few of them: linear prediction (order 16) keeps the mouth's shape, noise takes the
voice's place, low frequencies go, as in a whisper; and hoarse speech, with an eighth of the voice
left, and very quiet speech, 40 dB down. So it is judged on speech of those kinds that it was not
fitted to: real ones in bench.sets.

A logistic regression with ridge, by Newton's method; each set counts by the root of its length,
sounds without speech ten times as much. Printed: what it takes for speech, set by set, where each
set is judged by a fit without it. `--write` puts the weights in their place.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.found import read_sets
from bench.labelled import Labelled
from bench.report import Figures, dump, parser, show
from bench.scoring import Stretch, merged
from micstream.audio.format import SPEECH
from micstream.audio.framer import Framer
from micstream.speech import hybrid, presence_weights
from micstream.speech.presence import BANDS, NETWORK, SpeechPresence
from micstream.speech.silero import FRAME_SAMPLES, Model, SileroDetector, load_model
from micstream.speech.webrtc import SettledVad

RUNNING = ("watson", "sppas", "speechocean-streams")
_LONGEST = SPEECH.samples(30_000)
_NO_SPEECH = 10.0
_RIDGE = 1.0
_STEPS = 12
_LIKELY_FROM = hybrid.LIKELY * 0.5
_ORDER, _WINDOW = 16, 320

Real = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Frames:
    """Frames of one set: features, and whether somebody speaks in each."""

    features: npt.NDArray[np.float32]
    speech: npt.NDArray[np.bool_]
    without: bool
    """There is no speech in any recording of it."""


# ---- speech that there is too little of ---------------------------------------------------------


def whispered(samples: npt.NDArray[np.int16], seed: int, voice: float = 0.0) -> Real:
    """The same without a voice (or with this share of it left), full scale 1."""
    rng, sound = np.random.default_rng(seed), samples / 32_768
    window, made = np.hanning(_WINDOW), np.zeros(sound.size + _WINDOW)
    hertz = np.fft.rfftfreq(1024, 1 / SPEECH.rate)
    for at in range(0, sound.size - _WINDOW, _WINDOW // 2):
        piece = sound[at : at + _WINDOW] * window
        shape = _prediction(piece)
        if shape is None:
            continue
        noise = np.fft.rfft(rng.normal(0, 1, _WINDOW), 1024)
        breath = np.fft.irfft(noise / np.fft.rfft(shape, 1024) * hertz / (hertz + 700), 1024)
        breath = breath[:_WINDOW] * window
        made[at : at + _WINDOW] += breath * np.sqrt(
            float(piece @ piece) / max(float(breath @ breath), 1e-12)
        )
    return np.asarray((1 - voice) * made[: sound.size] + voice * sound)


def _prediction(piece: Real) -> Real | None:
    """Coefficients of linear prediction (Levinson and Durbin); None: it is silent."""
    lags = np.correlate(piece, piece, "full")[_WINDOW - 1 : _WINDOW + _ORDER]
    if lags[0] < 1e-9:
        return None
    lags[0] *= 1.001
    shape, error = np.array([1.0]), lags[0]
    for order in range(1, _ORDER + 1):
        reflected = -float(shape @ lags[order : order - len(shape) : -1]) / error
        shape = np.append(shape, 0.0)
        shape = shape + reflected * shape[::-1]
        error *= 1 - reflected**2
    return shape


def in_a_room(sound: Real, seed: int, speech_db: float, floor_db: float) -> npt.NDArray[np.int16]:
    """Speech at this level over a room's noise, in 16 bits."""
    loud = np.abs(sound) > np.percentile(np.abs(sound), 60)
    room = np.random.default_rng(seed).normal(0, 1, sound.size)
    room = np.convolve(room, (1, 0.9, 0.7, 0.5, 0.3), "same")
    sound = sound * 10 ** (speech_db / 20) / np.sqrt(np.mean(sound[loud] ** 2))
    sound = sound + room * 10 ** (floor_db / 20) / room.std()
    return np.rint(sound * 32_768).clip(-32_768, 32_767).astype(np.int16)


def made_from(files: Sequence[Labelled]) -> Iterator[tuple[str, Labelled]]:
    """Whispers, hoarse and very quiet speech, with their kinds."""
    for number, file in enumerate(files[::3]):
        samples = file.samples[:_LONGEST]
        labels = [
            Stretch(s.start, min(s.end, samples.size))
            for s in file.labels
            if s.start < samples.size
        ]
        for kind, voice, loud in (("whisper", 0.0, -42), ("far", 0.0, -52), ("hoarse", 0.12, -35)):
            sound = whispered(samples, number, voice)
            yield kind, Labelled(file.name, in_a_room(sound, number, loud, -72), labels)
        quiet = in_a_room(samples / 32_768, number, -62, -88)
        yield "quiet", Labelled(file.name, quiet, labels)


# ---- frames -------------------------------------------------------------------------------------


def frames_of(files: Sequence[Labelled], model: Model) -> Frames:
    """Features of all frames of these recordings."""
    rows, spoken = [], []
    for file in files:
        rows.append(_features(file, model))
        truth = np.zeros(len(rows[-1]), dtype=np.bool_)
        for each in merged(file.labels):
            truth[-(-each.start // FRAME_SAMPLES) : each.end // FRAME_SAMPLES] = True
        spoken.append(truth)
    return Frames(
        np.concatenate(rows), np.concatenate(spoken), not any(file.labels for file in files)
    )


def _features(file: Labelled, model: Model) -> npt.NDArray[np.float32]:
    silero, presence, webrtc = (
        SileroDetector(model=model),
        SpeechPresence(),
        SettledVad(hybrid.MODE),
    )
    silero.reset()
    pcm, size = file.pcm(), FRAME_SAMPLES * 2
    quick = Framer(hybrid.QUICK_BYTES)
    votes: deque[bool] = deque(maxlen=hybrid.VOTES)
    rows = []
    for at in range(0, len(pcm) - size + 1, size):
        frame = pcm[at : at + size]
        votes += [webrtc.is_speech(each) for each in quick.push(frame)]
        presence.push(frame, silero.probability(frame))
        rows.append(presence.features(sum(votes) / hybrid.VOTES))
    return np.array(rows, np.float32).reshape(len(rows), -1)


# ---- the fit ------------------------------------------------------------------------------------


def fitted(sets: Sequence[Frames]) -> tuple[float, Real]:
    """Bias and weights."""
    data = np.concatenate([each.features for each in sets]).astype(np.float64)
    truth = np.concatenate([each.speech for each in sets]).astype(np.float64)
    counts = [
        np.full(len(each.speech), (_NO_SPEECH if each.without else 1) / len(each.speech) ** 0.5)
        for each in sets
    ]
    count = np.concatenate(counts)
    count *= count.size / count.sum()
    middle, spread = data.mean(axis=0), data.std(axis=0) + 1e-6
    rows = np.c_[np.ones(len(data)), (data - middle) / spread]
    weights = np.zeros(rows.shape[1])
    ridge = _RIDGE * np.eye(weights.size)
    for _ in range(_STEPS):
        likely = 1 / (1 + np.exp(-np.clip(rows @ weights, -30, 30)))
        slope = rows.T @ (count * (likely - truth)) + _RIDGE * np.r_[0, weights[1:]]
        bend = (rows * (count * likely * (1 - likely))[:, None]).T @ rows + ridge
        weights -= np.linalg.solve(bend, slope)
    plain = weights[1:] / spread
    return float(weights[0] - plain @ middle), plain


def judged(frames: Frames, bias: float, weights: Real) -> Figures:
    """Shares of frames that are taken for speech, by Silero and by the fit."""
    likely = 1 / (1 + np.exp(-(frames.features @ weights + bias))) >= _LIKELY_FROM
    silero = frames.features[:, 0] >= 0
    spoken = frames.speech
    return {
        "speech_silero": float(silero[spoken].mean()) if spoken.any() else None,
        "speech": float(likely[spoken].mean()) if spoken.any() else None,
        "rest_silero": float(silero[~spoken].mean()),
        "rest": float(likely[~spoken].mean()),
    }


def write(bias: float, weights: Real, place: Path) -> None:
    """Put the weights where the package has them."""
    parts = (
        ("the network's newest words (log odds)", weights[:NETWORK]),
        ("each band over its floor, dB", weights[NETWORK : NETWORK + BANDS]),
        ("each band below the highest, dB", weights[NETWORK + BANDS : NETWORK + 2 * BANDS]),
        (
            "all bands over their floors; share of bands that stand out; change; webrtcvad",
            weights[NETWORK + 2 * BANDS :],
        ),
    )
    lines = [
        '"""Weights of the speech presence, in its features\' order; made by `bench.presence`."""',
        "",
        "from __future__ import annotations",
        "",
        "from typing import Final",
        "",
        f"BIAS: Final = {bias:.3f}",
        "WEIGHTS: Final = (",
    ]
    for words, values in parts:
        lines.append(f"    # {words}")
        lines += ["    *("]
        for at in range(0, len(values), 6):
            lines.append("        " + " ".join(f"{v:.4f}," for v in values[at : at + 6]))
        lines += ["    ),"]
    place.write_text("\n".join([*lines, ")", ""]), encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser("bench.presence", __doc__)
    options.add_argument("folder", type=Path, metavar="FOLDER", help="sets of recordings")
    options.add_argument("--write", action="store_true", help="put the weights in their place")
    given = options.parse_args(arguments)
    model = load_model()
    spoken, silent = read_sets(given.folder, "labelled"), read_sets(given.folder, "nospeech")
    recordings = {**spoken, **{f"no speech: {name}": files for name, files in silent.items()}}
    running = [file for name in RUNNING for file in spoken.get(name, ())]
    for kind, file in made_from(running):
        recordings.setdefault(f"made: {kind}", []).append(file)
    sets = {}
    for name, files in recordings.items():
        print(f"presence: {name}", file=sys.stderr, flush=True)
        sets[name] = frames_of(files, model)
    told: Figures = {}
    for name, frames in sets.items():
        told[name] = judged(frames, *fitted([each for key, each in sets.items() if key != name]))
    bias, weights = fitted(list(sets.values()))
    if given.write:
        write(bias, weights, Path(presence_weights.__file__))
    if given.json:
        dump("presence", {"sets": told, "bias": bias, "weights": weights.tolist()})
        return
    keys = ("speech_silero", "speech", "rest_silero", "rest")
    percent = {
        name: [None if row[key] is None else f"{100 * row[key]:.1f}" for key in keys]
        for name, row in told.items()
    }
    show(
        "Frames taken for speech, %",
        ("set", "of speech: Silero", "likely", "of the rest: Silero", "likely"),
        [(name, *values) for name, values in percent.items()],
        "each set judged by a fit without it; likely: a presence of 0.3 and more",
    )


if __name__ == "__main__":
    main(sys.argv[1:])
