"""Big letters: words three rows high, of half blocks, to be read from across a dark hall. Pure."""

from __future__ import annotations

from typing import Final

_FONT: Final = {
    "A": ".#.|#.#|###|#.#|#.#",
    "B": "##.|#.#|##.|#.#|##.",
    "C": "###|#..|#..|#..|###",
    "D": "##.|#.#|#.#|#.#|##.",
    "E": "###|#..|##.|#..|###",
    "F": "###|#..|##.|#..|#..",
    "G": "####|#...|#.##|#..#|####",
    "H": "#.#|#.#|###|#.#|#.#",
    "I": "#|#|#|#|#",
    "J": "..#|..#|..#|#.#|###",
    "K": "#.#|#.#|##.|#.#|#.#",
    "L": "#..|#..|#..|#..|###",
    "M": "#...#|##.##|#.#.#|#...#|#...#",
    "N": "#..#|##.#|#.##|#..#|#..#",
    "O": "####|#..#|#..#|#..#|####",
    "P": "###|#.#|###|#..|#..",
    "Q": "####|#..#|#..#|#.##|####",
    "R": "##.|#.#|##.|#.#|#.#",
    "S": "###|#..|###|..#|###",
    "T": "###|.#.|.#.|.#.|.#.",
    "U": "#.#|#.#|#.#|#.#|###",
    "V": "#.#|#.#|#.#|#.#|.#.",
    "W": "#...#|#...#|#.#.#|##.##|#...#",
    "X": "#.#|#.#|.#.|#.#|#.#",
    "Y": "#.#|#.#|.#.|.#.|.#.",
    "Z": "###|..#|.#.|#..|###",
    " ": "..|..|..|..|..",
}
ROWS: Final = 3
_BLOCKS: Final = {"..": " ", "#.": "▀", ".#": "▄", "##": "█"}


def big(word: str) -> list[str]:
    """Rows of the word, all of one width; a sign that has no form is left out."""
    forms = [_FONT[letter].split("|") for letter in word.upper() if letter in _FONT]
    dots = [".".join(form[row] for form in forms) for row in range(5)]
    dots.append("." * len(dots[0]))
    return [
        "".join(_BLOCKS[upper + lower] for upper, lower in zip(*dots[row : row + 2], strict=True))
        for row in (0, 2, 4)
    ]
