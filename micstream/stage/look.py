"""Look of the page, as the command is told and the page is given."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

from micstream.errors import InputError, UsageError, reason_of
from micstream.stage.colours import is_colour, like

Fit = Literal["fit", "fill"]

_IMAGES: Final = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Look:
    """Look that the page begins with; its own query goes over it.

    `background`: transparent, chroma (green), or a colour of CSS, by name or #rrggbb. `poster`: an
    image file, drawn, none, or auto: drawn where the background is not to be seen through.
    """

    background: str = "black"
    fit: Fit = "fit"
    mirror: bool = False
    poster: str = "auto"
    sound: bool = True

    def __post_init__(self) -> None:
        """Spell the background as browsers do: `Chroma`, ` RED` are taken for what they mean."""
        object.__setattr__(self, "background", self.background.strip().lower())

    def check(self) -> None:
        """Refuse what no browser could show.

        Raises:
            UsageError: the background is no colour.
            InputError: the poster is not there, or no image by its name.
        """
        if self.background not in ("transparent", "chroma") and not is_colour(self.background):
            near = like(self.background)
            raise UsageError(
                f"--background: {self.background!r} is no colour",
                hint="expected transparent, chroma, a colour's name such as black, or #rrggbb"
                + (f"; is {near} meant?" if near else ""),
                code="bad_background",
            )
        file = self.poster_file
        if file is None:
            return
        if file.suffix.lower() not in _IMAGES:
            raise InputError(
                f"the poster {file} is no image, by its name",
                hint=f"expected one of {', '.join(_IMAGES)}, or --poster drawn, none, auto",
                code="bad_poster",
            )
        try:
            file.open("rb").close()
        except OSError as error:
            raise InputError(
                f"the poster {file} cannot be read: {reason_of(error)}",
                hint="name an image file, or --poster drawn, none, auto",
                code="bad_poster",
            ) from None

    @property
    def poster_file(self) -> Path | None:
        """The poster's file, where it is one."""
        return None if self.poster in ("auto", "drawn", "none") else Path(self.poster)

    @property
    def poster_type(self) -> str:
        """The poster's media type."""
        return _IMAGES[Path(self.poster).suffix.lower()]

    def as_dict(self) -> dict[str, Any]:
        """Fields for the page: it need not know where the poster's file is."""
        poster = "image" if self.poster_file is not None else self.poster
        return {**asdict(self), "poster": poster}
