"""How well utterances were found: labels and what was sent in, figures out. All pure.

Positions are sample indices at 16 kHz, so that an overlap of exactly a half is one. The terms:

  reference utterances  labelled stretches, merged where the gap is shorter than `gap`
  F1                    one-to-one matches of an intersection over union of at least 0.5, as many
                        as there can be: 2 x matches / (references + found)
  speech cut            share of labelled speech that lies in nothing that was sent
  head cut              the same for the first 200 ms of each reference utterance
  clipped               share of reference utterances of whose first 200 ms more than 50 ms are cut:
                        what an audience hears as a swallowed syllable
  non-speech sent       share of what was sent that is not labelled speech
  false                 found utterances that hold less than 0.1 s of labelled speech
  onset, end delay      when it was decided, less the reference's start or end; over matches
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np

from micstream.audio.format import SPEECH

_HEAD = SPEECH.samples(200)
_CLIPPED = SPEECH.samples(50)
_SPEECH_IN_ONE = SPEECH.samples(100)
"""Labelled speech that an utterance must hold, or it is false."""


class Stretch(NamedTuple):
    """The samples from `start` up to and without `end`."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Found:
    """An utterance as sent, pre-roll and tail included, and the samples heard at its decisions."""

    start: int
    end: int
    onset_decided: int
    end_decided: int


def merged(stretches: Iterable[Stretch], gap: int = 1) -> list[Stretch]:
    """In order, those in one that are less than `gap` apart; with 1 those that touch."""
    joined: list[Stretch] = []
    for each in sorted(stretches):
        if joined and each.start - joined[-1].end < gap:
            joined[-1] = Stretch(joined[-1].start, max(joined[-1].end, each.end))
        else:
            joined.append(each)
    return joined


def overlap(one: Stretch, others: Iterable[Stretch]) -> int:
    """Samples of `one` that lie in `others`, which do not overlap each other."""
    return sum(max(0, min(one.end, o.end) - max(one.start, o.start)) for o in others)


def matches(references: Sequence[Stretch], found: Sequence[Stretch]) -> list[tuple[int, int]]:
    """A largest set of pairs (reference, found) that overlap by half; each index at most once.

    Berge: a matching is largest when no path improves it. Kuhn's algorithm looks for one from
    each reference.
    """
    partner: dict[int, int] = {}  # of a found one
    candidates = [
        [at for at, other in enumerate(found) if _half(reference, other)]
        for reference in references
    ]

    def improve(reference: int, tried: set[int]) -> bool:
        for at in candidates[reference]:
            if at not in tried:
                tried.add(at)
                if at not in partner or improve(partner[at], tried):
                    partner[at] = reference
                    return True
        return False

    for reference in range(len(references)):
        improve(reference, set())
    return sorted((reference, at) for at, reference in partner.items())


def _half(one: Stretch, other: Stretch) -> bool:
    shared = overlap(one, [other])
    union = one.end - one.start + other.end - other.start - shared
    return shared > 0 and 2 * shared >= union


@dataclass(frozen=True, slots=True)
class Tally:
    """What was counted in one file; several are added. Lengths and delays in samples."""

    heard: int = 0
    references: int = 0
    found: int = 0
    matched: int = 0
    speech: int = 0
    speech_cut: int = 0
    heads: int = 0
    heads_cut: int = 0
    clipped: int = 0
    sent: int = 0
    sent_in_vain: int = 0
    false: int = 0
    onset_delays: tuple[int, ...] = ()
    end_delays: tuple[int, ...] = ()

    def __add__(self, other: Tally) -> Tally:
        names = [field.name for field in fields(self)]
        return Tally(*(getattr(self, name) + getattr(other, name) for name in names))

    @property
    def f1(self) -> float | None:
        """None where there was nothing to find and nothing was found."""
        both = self.references + self.found
        return 2 * self.matched / both if both else None

    @property
    def speech_cut_percent(self) -> float | None:
        """None without labelled speech."""
        return _percent(self.speech_cut, self.speech)

    @property
    def head_cut_percent(self) -> float | None:
        """None without reference utterances."""
        return _percent(self.heads_cut, self.heads)

    @property
    def clipped_percent(self) -> float | None:
        """None without reference utterances."""
        return _percent(self.clipped, self.references)

    @property
    def non_speech_percent(self) -> float | None:
        """None where nothing was sent."""
        return _percent(self.sent_in_vain, self.sent)

    @property
    def false_per_minute(self) -> float | None:
        """None where nothing was heard."""
        return self.false * 60 * SPEECH.rate / self.heard if self.heard else None

    @property
    def onset_ms(self) -> tuple[float, float] | None:
        """Median and 95th percentile; None without matches."""
        return _spread(self.onset_delays)

    @property
    def end_ms(self) -> tuple[float, float] | None:
        """Median and 95th percentile; None without matches."""
        return _spread(self.end_delays)


def tally(labels: Sequence[Stretch], found: Sequence[Found], heard: int, gap: int) -> Tally:
    """Judge what was found in one file of `heard` samples; `gap` as in `merged`."""
    references = merged(labels, gap)
    speech = merged(labels)
    sent = [Stretch(each.start, each.end) for each in found]
    covered = merged(sent)
    heads = [_head(each, speech) for each in references]
    cut = [_length(head) - sum(overlap(each, covered) for each in head) for head in heads]
    voiced = [overlap(each, speech) for each in sent]
    pairs = matches(references, sent)
    return Tally(
        heard=heard,
        references=len(references),
        found=len(found),
        matched=len(pairs),
        speech=_length(speech),
        speech_cut=_length(speech) - sum(overlap(each, covered) for each in speech),
        heads=sum(map(_length, heads)),
        heads_cut=sum(cut),
        clipped=sum(samples > _CLIPPED for samples in cut),
        sent=_length(sent),
        sent_in_vain=_length(sent) - sum(voiced),
        false=sum(samples < _SPEECH_IN_ONE for samples in voiced),
        onset_delays=tuple(found[at].onset_decided - references[r].start for r, at in pairs),
        end_delays=tuple(found[at].end_decided - references[r].end for r, at in pairs),
    )


def _head(reference: Stretch, speech: Sequence[Stretch]) -> list[Stretch]:
    """The speech in the first 200 ms of it."""
    head = Stretch(reference.start, min(reference.end, reference.start + _HEAD))
    within = (Stretch(max(head.start, s.start), min(head.end, s.end)) for s in speech)
    return [each for each in within if each.start < each.end]


def _length(stretches: Iterable[Stretch]) -> int:
    return sum(each.end - each.start for each in stretches)


def _percent(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None


def _spread(samples: Sequence[int]) -> tuple[float, float] | None:
    if not samples:
        return None
    median, late = np.percentile(samples, (50, 95)) * 1000 / SPEECH.rate
    return float(median), float(late)
