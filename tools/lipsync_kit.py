"""Makes the lip-sync lab's kit, assets/lipsync: sounds as FLAC, and kit.json on what they are.

Usage: python -m tools.lipsync_kit [DIRECTORY]

Speech comes from espeak-ng's shared library, which is needed for making alone: nothing of it is
shipped but sound and labels. The same version gives the same bytes again. Says of each item how
loud it is and how many labels it has.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import soundfile

from tools import kit_sounds as sounds
from tools.kit_closures import SHUT_MS, Sound, labels_of
from tools.kit_texts import (
    BURST_SAYS,
    BURST_VOICE,
    BURST_WAIT_S,
    SYLLABLE,
    SYLLABLE_RATES,
    SYLLABLES_S,
    TEXTS,
)
from tools.kit_voice import RATE, Espeak, NoSynthesiser, Samples, Spoken, Synthesiser, Voice
from tools.smaller_flac import shrink

STEP: Final = 8
"""Of 16 bits: samples are multiples of it."""
FOLDER: Final = Path(__file__).resolve().parents[1] / "assets/lipsync"
SCHEMA: Final = 1
BEFORE_S: Final = 0.5
AFTER_S: Final = 0.7
SHUT_S: Final = SHUT_MS / 1000
"""Of each pa of pa-pa-pa: so long before its burst the lips are shut."""
_AUDIBLE_DB: Final = 45.0
_STEP: Final = RATE // 1000


@dataclass(frozen=True, slots=True)
class Made:
    """An item of the kit, made."""

    name: str
    what: str
    sound: Samples
    labels: tuple[Sound, ...] = ()
    says: str = ""
    voice: Voice | None = None

    @property
    def seconds(self) -> float:
        return len(self.sound) / RATE

    def as_json(self) -> str:
        """Its entry of kit.json, on one line."""
        entry = {
            "name": self.name,
            "file": f"{self.name}.flac",
            "what": self.what,
            "language": self.voice.language if self.voice else "",
            "voice": f"espeak-ng {self.voice.name}" if self.voice else "",
            "says": self.says,
            "seconds": round(self.seconds, 3),
            "labels": [
                [round(each.begin_s, 3), round(each.end_s, 3), each.name] for each in self.labels
            ],
        }
        return json.dumps(entry, ensure_ascii=False)


def audible(samples: Samples) -> tuple[int, int]:
    """Where sound begins and ends, in samples: on whole milliseconds, nothing audible left out."""
    blocks = samples[: len(samples) // _STEP * _STEP].reshape(-1, _STEP)
    peaks = np.abs(blocks).max(axis=1)
    loud = np.flatnonzero(peaks > peaks.max() * sounds.amplitude(-_AUDIBLE_DB))
    return int(loud[0]) * _STEP, int(loud[-1] + 1) * _STEP


def trimmed(spoken: Spoken) -> tuple[Samples, tuple[Sound, ...]]:
    """Levelled speech without the silence around it, and its labels from its first sample on."""
    begin, end = audible(spoken.samples)
    labels = labels_of(spoken)
    moved = tuple(each.later(-begin / RATE) for each in labels)
    return sounds.faded(sounds.levelled(spoken.samples[begin:end]), 0.005), moved


def in_a_row(parts: list[tuple[float, Spoken]]) -> tuple[Samples, tuple[Sound, ...]]:
    """Each part after so many seconds of silence, and AFTER_S behind the last."""
    at_s = 0.0
    pieces: list[tuple[float, Samples]] = []
    labels: list[Sound] = []
    for wait_s, spoken in parts:
        at_s += wait_s
        speech, own = trimmed(spoken)
        pieces.append((at_s, speech))
        labels += [each.later(at_s) for each in own]
        at_s += len(speech) / RATE
    return sounds.placed(at_s + AFTER_S, pieces), tuple(labels)


def syllables(spoken: Spoken, rate_hz: int) -> tuple[Samples, tuple[Sound, ...]]:
    """One "pa", `rate_hz` times a second: its burst at exact times, the lips shut before each."""
    first = next(mark.at_s for mark in spoken.marks if mark.sound.startswith("p"))
    begin = round(first * 1000) * _STEP
    _, end = audible(spoken.samples)
    longest = round((1 / rate_hz - SHUT_S - 0.01) * RATE)
    pa = sounds.faded(spoken.samples[begin : min(end, begin + longest)], 0.03)
    lead_s = BEFORE_S + 0.1
    times = [lead_s + index / rate_hz for index in range(rate_hz * SYLLABLES_S)]
    vowel = next(mark.sound for mark in spoken.marks if mark.at_s > first and mark.sound)
    labels: list[Sound] = []
    for at_s in times:
        labels.append(Sound(at_s - SHUT_S, at_s, "p"))
        labels.append(Sound(at_s, at_s + len(pa) / RATE, vowel))
    whole_s = times[-1] + len(pa) / RATE + AFTER_S
    return sounds.levelled(sounds.placed(whole_s, [(at_s, pa) for at_s in times])), tuple(labels)


def made(synthesiser: Synthesiser) -> Iterator[Made]:
    """Every item of the kit, in its order."""
    times = sounds.click_times(12.0)
    clicks = tuple(Sound(at, at + sounds.CLICK_S, "click") for at in times)
    pieces = [(at, sounds.click()) for at in times]
    yield Made("clicks", "clicks", sounds.placed(12.0, pieces), clicks)
    pa = synthesiser.speak(SYLLABLE.voice, SYLLABLE.says)
    for rate_hz in SYLLABLE_RATES:
        sound, labels = syllables(pa, rate_hz)
        yield Made(
            f"papapa-{rate_hz}", "closures", sound, labels, "pa " * 3 + "...", SYLLABLE.voice
        )
    bursts = [(BURST_WAIT_S, synthesiser.speak(BURST_VOICE, says)) for says in BURST_SAYS]
    sound, labels = in_a_row(bursts)
    yield Made("burst", "speech", sound, labels, " ".join(BURST_SAYS), BURST_VOICE)
    for text in TEXTS:
        sound, labels = in_a_row([(BEFORE_S, synthesiser.speak(text.voice, text.says))])
        yield Made(text.name, "speech", sound, labels, text.says, text.voice)
    yield from controls()


def controls() -> Iterator[Made]:
    """What no mouth should follow."""
    keys = tuple(Sound(at, at + 0.03, "key") for at in sounds.key_times(6.0))
    coughs = tuple(Sound(at, at + sounds.COUGH_S, "cough") for at in sounds.COUGHS)
    yield Made("silence", "control", np.zeros(5 * RATE))
    yield Made("room-tone", "control", sounds.room_tone(6.0))
    yield Made("music", "control", sounds.music(6.0))
    yield Made("typing", "control", sounds.typing(6.0), keys)
    yield Made("cough", "control", sounds.cough(6.0), coughs)


def write(items: list[Made], folder: Path) -> None:
    """Each item as FLAC of 16 kHz, mono, 16 bit, and kit.json beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    for item in items:
        # 13 bits: what is below, at -80 dBFS, nobody hears, and FLAC keeps it at great length.
        pcm = (STEP * np.rint(item.sound * 32768 / STEP)).astype(np.int16)
        file = folder / f"{item.name}.flac"
        soundfile.write(file, pcm, RATE, subtype="PCM_16", compression_level=1.0)
        shrink(file)
    lines = ",\n".join(item.as_json() for item in items)
    text = f'{{"schema": {SCHEMA}, "items": [\n{lines}\n]}}\n'
    (folder / "kit.json").write_text(text, "utf-8")


def told(items: list[Made], folder: Path) -> Iterator[str]:
    """A line an item: how long, how loud, how many labels; and what all of them come to."""
    yield f"{'item':14} {'s':>6} {'rms':>7} {'speech':>7} {'peak':>6} {'labels':>6} {'shut':>5}"
    for item in items:
        peak = 20 * np.log10(max(float(np.abs(item.sound).max()), 1e-6))
        levels = f"{sounds.dbfs(item.sound):7.1f} {sounds.spoken_dbfs(item.sound):7.1f} {peak:6.1f}"
        shut = sum(each.closes for each in item.labels)
        yield f"{item.name:14} {item.seconds:6.2f} {levels} {len(item.labels):6} {shut:5}"
    size = sum(file.stat().st_size for file in folder.iterdir())
    yield f"{sum(item.seconds for item in items):.1f} s, {size / 1e6:.2f} MB in {folder}"


def main() -> int:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    try:
        espeak = Espeak()
    except NoSynthesiser as missing:
        print(f"lipsync_kit: {missing}", file=sys.stderr)
        return 1
    items = list(made(espeak))
    write(items, folder)
    print("\n".join(told(items, folder)))
    print(f"spoken by espeak-ng {espeak.version}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
