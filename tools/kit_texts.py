"""What the lip-sync kit says, and by which voice.

The Harvard sentences are from IEEE's recommended practice of 1969.

Of espeak-ng's variants only those without echo, which would sound into the closures, and without
breath: its noise is another at each run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tools.kit_voice import Voice


@dataclass(frozen=True, slots=True)
class Text:
    """A speech item of the kit: its sentences are spoken in one go."""

    name: str
    voice: Voice
    says: str


SYLLABLE: Final = Text("pa", Voice("en-us", 110), "[[p'A:]]")
"""The one of which pa-pa-pa is made."""
SYLLABLE_RATES: Final = (1, 2, 3, 4)
SYLLABLES_S: Final = 5

BURST_VOICE: Final = Voice("en-us+m3", 160)
BURST_SAYS: Final = ("Come back to me now!", "Stop, put it down!", "Open the big window.")
BURST_WAIT_S: Final = 2.0

TEXTS: Final = (
    Text(
        "bilabials",
        Voice("en-us+f1", 150),
        "Bob, pop, mom, pump, bump, bib. Pam bumped my puppy. "
        "Maybe Bob may bump a big pump. My mom may pop up by bus.",
    ),
    Text(
        "labiodentals",
        Voice("en-gb-x-rp", 150),
        "Five very fine waves have vivid foam. Vera favours a fever over a half of love. "
        "Fluffy cliffs of ivory.",
    ),
    Text(
        "rounded",
        Voice("en-us+m3", 145),
        "Who knew two blue shoes would go too? Oh no, you owe Joe. "
        "We wooed a new moon. Slow snow, low rope.",
    ),
    Text(
        "sibilants",
        Voice("en-gb-x-rp+Andrea", 150),
        "She sees six zigzag stitches. Such fresh fish is a cheese dish. Sue's jazz shoes squeeze.",
    ),
    Text(
        "harvard-1",
        Voice("en-us", 115, 40),
        "The birch canoe slid on the smooth planks. Glue the sheet to the dark blue background. "
        "It's easy to tell the depth of a well. These days a chicken leg is a rare dish.",
    ),
    Text(
        "harvard-2",
        Voice("en-gb-x-rp+f1", 120),
        "The boy was there when the sun rose. A rod is used to catch pink salmon. "
        "The source of the huge river is the clear spring. "
        "Kick the ball straight and follow through.",
    ),
    Text(
        "harvard-3",
        Voice("en-us+Andrea", 230),
        "Two blue fish swam in the tank. The fish twisted and turned on the bent hook. "
        "Press the pants and sew a button on the vest. The swan dive was far short of perfect. "
        "The beauty of the view stunned the young boy.",
    ),
    Text(
        "harvard-4",
        Voice("en-gb-scotland+m7", 220),
        "The meal was cooked before the bell rang. Sickness kept him home the third week. "
        "The wide road shimmered in the hot sun. The lazy cow lay in the cool grass. "
        "Lift the square stone over the fence. The rope will bind the seven books at once.",
    ),
    Text(
        "german-1",
        Voice("de", 150),
        "Am Abend brachte mein Bruder bunte Becher mit. Bitte probieren Sie die Pflaumen. "
        "Wir haben fünf Pfund Äpfel. Schöne Grüße aus dem Süden.",
    ),
)
