"""Controls: one set of verbs over a running session, whoever calls them.

Keys, `Sender`, a page, a program: each calls a verb here, by its method or by `do`, and holds no
logic of its own. A set-verb says what shall be, and called twice it changes nothing more.

    verb        argument           the gate afterwards
    mute        on, off, toggle    closed; off: as it was before, by hand or by the detector
    manual      on, off, toggle    open, latched; off: closed, until it is opened or `auto`
    auto                           by the detector
    interrupt                      closed where it was open by hand, else as it was
    route       0, 1, 2, ...       as it was
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal

from micstream import events
from micstream.bus import Bus
from micstream.errors import UsageError
from micstream.fan_out import FanOut
from micstream.settings.pieces import ControlSettings
from micstream.sound_path import SoundPath
from micstream.speech.cutter import Gate
from micstream.speech.events import EndReason, Timed

Switch = Literal["on", "off", "toggle"]

_STATES: Final[dict[Gate, Literal["open", "closed", "detector"]]] = {
    Gate.OPEN: "open",
    Gate.CLOSED: "closed",
    Gate.DETECTOR: "detector",
}


@dataclass(frozen=True, slots=True)
class Verb:
    """Verb that a control can ask for, and what it takes."""

    name: str
    takes: Literal["switch", "number", "nothing"]
    help: str


VERBS: Final = {
    verb.name: verb
    for verb in (
        Verb("mute", "switch", "nothing is sent; off: as it was before"),
        Verb("manual", "switch", "the gate is open by hand; off: closed by hand"),
        Verb("auto", "nothing", "the gate is left to the detector"),
        Verb("interrupt", "nothing", "the avatar falls silent, what is queued is dropped"),
        Verb("route", "number", "that avatar gets what is said; 0: all of them"),
    )
}


class Controls:
    """The gate, the route, and the verbs that change them.

    Raises:
        UsageError: the route leads to an avatar that is not there.
    """

    def __init__(self, fan_out: FanOut, bus: Bus, settings: ControlSettings) -> None:
        self._fan_out = fan_out
        self._bus = bus
        self._starts_manual = settings.manual
        self._by_hand = Gate.CLOSED if settings.manual else Gate.DETECTOR
        self._muted = False
        self._told: tuple[Gate, bool] | None = None
        self._paths: list[SoundPath] = []
        try:
            fan_out.route(settings.route)
        except ValueError as error:
            raise UsageError(
                f"--route {settings.route}: {error}",
                hint=f"expected 0 (all of them) to {len(fan_out)}, in the order of --avatar",
                code="no_such_avatar",
            ) from None

    @property
    def gate(self) -> Gate:
        """Gate as it stands: open, closed, or by the detector."""
        return Gate.CLOSED if self._muted else self._by_hand

    @property
    def avatars(self) -> int:
        """Number of avatars that the route can lead to."""
        return len(self._fan_out)

    @property
    def muted(self) -> bool:
        """Muted: the gate is closed until `mute` is off, or another verb opens it."""
        return self._muted

    # ---- the verbs -----------------------------------------------------------------------------

    def mute(self, switch: Switch = "on", *, by: str = "") -> None:
        """Close the gate and end the open utterance; off: as it was before."""
        self._set(self._by_hand, muted=_after(self._muted, switch), by=by)

    def manual(self, switch: Switch = "on", *, by: str = "") -> None:
        """Open the gate by hand, and end a mute by it; off: close it by hand."""
        if _after(self.gate is Gate.OPEN, switch):
            self._set(Gate.OPEN, muted=False, by=by)
        else:
            self._set(Gate.CLOSED, muted=self._muted, by=by)

    def auto(self, *, by: str = "") -> None:
        """Leave the gate to the detector, and end a mute by it."""
        self._set(Gate.DETECTOR, muted=False, by=by)

    async def interrupt(self, *, by: str = "") -> None:
        """Have the avatars fall silent and drop what they hold; what is said is cut off at once.

        Nothing is sent until the next onset, and that needs a silence before it. A gate that is
        open by hand is closed. Returns once the avatars were told.
        """
        if self._by_hand is Gate.OPEN:
            self._set(Gate.CLOSED, muted=self._muted, by=by)
        for path in self._paths:
            self._put(path.end(EndReason.INTERRUPT))
        self._bus.emit(events.Interrupted(by=by))
        await self._fan_out.interrupt()

    def route(self, number: int, *, by: str = "") -> None:
        """Lead what is said to one of several avatars, by its place from 1 up, or to all (0).

        The utterance that is being said ends here, and goes on as another where it leads now.

        Raises:
            ValueError: there are not so many.
        """
        if not self._fan_out.would_change(number):
            return
        self._apply(Gate.CLOSED)
        self._fan_out.route(number)
        self._apply(self.gate)
        self.tell_route(by=by)

    async def do(self, verb: str, argument: str | int | None = None, *, by: str = "") -> None:
        """Carry out a verb by its name, as keys and transports do.

        Raises:
            UsageError: there is no such verb, or its argument cannot be used.
        """
        known = VERBS.get(verb)
        if known is None:
            raise UsageError(
                f"there is no verb {verb!r}", hint=f"one of {', '.join(VERBS)}", code="no_such_verb"
            )
        carry_out = getattr(self, known.name)
        match known.takes, argument:
            case "switch", "on" | "off" | "toggle":
                done = carry_out(argument, by=by)
            case "nothing", None:
                done = carry_out(by=by)
            case "number", int() if 0 <= argument <= len(self._fan_out):
                done = carry_out(argument, by=by)
            case _:
                raise UsageError(
                    f"{verb}: {argument!r} cannot be used",
                    hint=_expected(known, len(self._fan_out)),
                    code="bad_argument",
                )
        if inspect.isawaitable(done):
            await done

    # ---- telling -------------------------------------------------------------------------------

    def tell_gate(self, *, by: str = "") -> None:
        """Say how the gate stands, unless it was said."""
        if self._told != (self.gate, self._muted):
            self._told = (self.gate, self._muted)
            state = _STATES[self.gate]
            self._bus.emit(events.Gate(state=state, muted=self._muted, by=by))

    def tell_route(self, *, by: str = "") -> None:
        """Say who gets what is said, where that is a question."""
        if len(self._fan_out) > 1:
            routed, number = self._fan_out.routed, self._fan_out.number
            self._bus.emit(events.Route(avatars=routed, number=number, by=by))
            self._bus.emit(events.Voice(avatars=routed))

    # ---- the sound -----------------------------------------------------------------------------

    @contextmanager
    def governing(self, path: SoundPath) -> Iterator[None]:
        """Have the gate decide what of a live source's sound is sent."""
        self._put(path.set_gate(self.gate))
        self._paths.append(path)
        try:
            yield
        finally:
            self._paths.remove(path)

    def _set(self, by_hand: Gate, *, muted: bool, by: str) -> None:
        before = self.gate
        self._by_hand, self._muted = by_hand, muted
        if self.gate is not before:
            self._apply(self.gate)
        # Between two presses of a key that opens the gate nobody is away.
        shut = self.gate is Gate.CLOSED and (muted or not self._starts_manual)
        self._fan_out.mute(shut)
        self.tell_gate(by=by)

    def _apply(self, gate: Gate) -> None:
        for path in self._paths:
            self._put(path.set_gate(gate))

    def _put(self, happened: Iterable[Timed]) -> None:
        for event, at in happened:
            self._fan_out.put(event, at)


def _after(is_on: bool, switch: Switch) -> bool:
    return not is_on if switch == "toggle" else switch == "on"


def _expected(verb: Verb, avatars: int) -> str:
    match verb.takes:
        case "switch":
            return f"expected {verb.name} on, off or toggle"
        case "number":
            return f"expected {verb.name} 0 (all of them) to {avatars}"
    return f"{verb.name} takes nothing more"
