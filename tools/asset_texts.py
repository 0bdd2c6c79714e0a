"""What the bundled speech says, by which voice, and with which pauses (in seconds)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Voice:
    program: Literal["flite", "espeak-ng"]
    name: str


SLT = Voice("flite", "slt")
RMS = Voice("flite", "rms")
AWB = Voice("flite", "awb")
KAL = Voice("flite", "kal16")
BRITISH = Voice("espeak-ng", "en-gb")
AMERICAN = Voice("espeak-ng", "en-us+f3")


@dataclass(frozen=True)
class Sentence:
    voice: Voice
    text: str
    pause_after: float = 0.0


@dataclass(frozen=True)
class Hesitation:
    """One line of speech in pieces, with a pause after each, the last one's included."""

    voice: Voice
    pieces: tuple[str, ...]
    pauses: tuple[float, ...]


@dataclass(frozen=True)
class Monologue:
    voice: Voice
    phrases: tuple[str, ...]


HELLO = Sentence(SLT, "Hello world. I am your avatar.")

# Short and long, soft onsets (h, f, s) and hard ones (p, t, k), questions and numbers.
SENTENCES = (
    Sentence(SLT, "Good evening and welcome to the small stage.", 0.7),
    Sentence(RMS, "Please take your seats because we are about to begin.", 1.0),
    Sentence(AWB, "Half of the harbour was hidden by fog this morning.", 1.5),
    Sentence(KAL, "Yes.", 0.8),
    Sentence(BRITISH, "The ferry leaves at seventeen minutes past nine.", 2.0),
    Sentence(AMERICAN, "Could somebody open a window over there?", 1.2),
    Sentence(SLT, "She sells fresh fish and sixty sorts of seaweed soup.", 2.5),
    Sentence(RMS, "Pick up the big copper kettle before it boils over.", 0.9),
    Sentence(AWB, "Wait for me!", 1.8),
    Sentence(
        KAL,
        "If the last train has gone we can still walk home along the river and watch the moon.",
        1.0,
    ),
)

# Every line goes through all five pauses, each time in another order; two seconds part the lines.
PAUSES = (
    Hesitation(
        SLT,
        ("Well", "I was going to say", "that the green one", "or maybe", "the blue one", "is mine"),
        (0.2, 0.3, 0.5, 0.8, 1.5, 2.0),
    ),
    Hesitation(
        RMS,
        ("Let me think", "it was a Tuesday", "no", "it was a Wednesday", "and it rained", "a lot"),
        (0.3, 0.5, 0.8, 1.5, 0.2, 2.0),
    ),
    Hesitation(
        AWB,
        ("The number is four", "seven", "seven", "one", "and then", "a nine I believe"),
        (0.5, 0.8, 1.5, 0.2, 0.3, 2.0),
    ),
    Hesitation(
        AMERICAN,
        ("First we turn left", "then", "at the old bakery", "we go on", "up the hill", "slowly"),
        (0.8, 1.5, 0.2, 0.3, 0.5, 2.0),
    ),
    Hesitation(
        BRITISH,
        ("Hm", "that is", "to be honest", "a very good question", "which I", "cannot answer"),
        (1.5, 0.2, 0.3, 0.5, 0.8, 2.0),
    ),
)

MONOLOGUE_GAPS = (0.18, 0.25, 0.34, 0.12, 0.30, 0.22)

# One breath each and no punctuation inside: the synthesiser would pause there as it likes.
MONOLOGUE = Monologue(
    RMS,
    (
        "My grandmother kept a lighthouse on the northern coast",
        "and although nobody believes me when I tell it",
        "she never once slept through a storm",
        "The lamp was older than she was",
        "and it had a temper of its own",
        "Some nights it burned as steadily as a star",
        "and on others it flickered and smoked",
        "as if it had something urgent to tell the ships",
        "She used to talk to it while she polished the brass",
        "and she talked without ever stopping for an answer",
        "about the price of flour and the height of the tide",
        "about the letters that came and the letters that did not",
        "and about a captain who had promised to bring her oranges",
        "He did come back in the end",
        "eleven years late and with a single orange in his pocket",
        "and she laughed so loudly that the gulls left the roof",
        "They shared it at the kitchen table",
        "piece by piece and without saying very much",
        "while outside the wind took the last of the leaves",
        "When I was small I asked her whether she had been angry",
        "and she said that anger is a lamp too",
        "it keeps you warm for an hour and then it wants more oil",
        "so she had let it go out long before",
        "and kept the other one burning",
        "I think of that whenever I am waiting for somebody",
        "and I try to leave a light on",
    ),
)
