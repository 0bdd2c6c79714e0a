"""Settings of how sound is cut into utterances: detector, preset, thresholds, segmenter."""

from __future__ import annotations

from typing import Final, Literal, get_args

from micstream.audio.advice import Preset
from micstream.settings.knob import CUTTING, Knob
from micstream.speech.presets import Vad

FrameMs = Literal[10, 20, 30]

BY_PRESET: Final = "; by --vad and --preset unless given."


def _ms(name: str, default: int | None, low: int, high: int, words: str) -> Knob:
    return Knob(name, words, CUTTING, default, int, low, high, unit="ms")


CUTTING_KNOBS: Final = (
    Knob(
        "preset",
        "For the place: studio (quiet, close), room, or stage (noise, an audience). "
        "As calibrated for the device where it is not given, else room.",
        CUTTING,
        None,
        choices=get_args(Preset),
    ),
    Knob(
        "vad",
        "Voice activity detector. hybrid: webrtcvad's quick onset, Silero's judgement, a second "
        "opinion for whispers. "
        "silero: tells speech from other sounds. webrtc: cheap, hears noise as speech.",
        CUTTING,
        "hybrid",
        choices=get_args(Vad),
    ),
    Knob(
        "vad_on",
        "Probability from which sound may begin an utterance" + BY_PRESET,
        CUTTING,
        None,
        float,
        0.01,
        1,
    ),
    Knob(
        "vad_off",
        "Probability from which it holds one open; not above --vad-on" + BY_PRESET,
        CUTTING,
        None,
        float,
        0.01,
        1,
    ),
    Knob(
        "near_db",
        "A voice quieter than the loudest of the last half minute by more than this is somebody "
        "else's; 0: any will do. Not with --vad webrtc" + BY_PRESET,
        CUTTING,
        None,
        int,
        0,
        60,
        unit="dB",
    ),
    Knob(
        "vad_mode",
        "How much --vad webrtc must hear to call it speech: 0 little, 3 a lot.",
        CUTTING,
        2,
        int,
        0,
        3,
    ),
    Knob(
        "frame_ms",
        "Frame that --vad webrtc judges: 10, 20 or 30.",
        CUTTING,
        20,
        int,
        min(get_args(FrameMs)),
        max(get_args(FrameMs)),
        unit="ms",
        choices=get_args(FrameMs),
    ),
    _ms("margin_ms", None, 0, 1_000, "Sent from before the place where sound began" + BY_PRESET),
    _ms("onset_ms", None, 10, 1_000, "Voiced sound that begins an utterance ..."),
    _ms("onset_window_ms", None, 10, 2_000, "... within this stretch" + BY_PRESET),
    _ms(
        "pre_roll_ms",
        None,
        0,
        2_000,
        "Sent from before the first voiced frame, at most" + BY_PRESET,
    ),
    _ms("hangover_ms", None, 50, 5_000, "Silence that ends an utterance" + BY_PRESET),
    _ms("tail_ms", None, 0, 5_000, "Kept of that silence in --mode utterance" + BY_PRESET),
    _ms(
        "min_speech_ms",
        None,
        0,
        5_000,
        "Less voiced sound is a false alarm in --mode utterance" + BY_PRESET,
    ),
    _ms("max_length_ms", 30_000, 1_000, 600_000, "Longest utterance; cut at a quiet place ..."),
    _ms("search_ms", 5_000, 0, 60_000, "... within this stretch before its end."),
)
