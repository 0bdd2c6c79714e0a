"""Controls: one set of verbs over a running session, whoever calls them.

Keys, `Sender`, a page, a program: each calls a verb here, by its method or by `do`, and holds no
logic of its own. A set-verb says what shall be, and called twice it changes nothing more.

    verb        argument           the gate afterwards
    mute        on, off, toggle    closed; off: as it was before, by hand or by the detector
    talk        on, off            open while somebody holds it; muted: it is refused
    manual      on, off, toggle    open, latched; off: closed, until it is opened or `auto`
    auto                           by the detector
    cough                          closed for a second, then as it was
    interrupt                      closed where it was open by hand, else as it was
    panic                          closed: muted, and everything stopped and dropped
    cue         name, number       as it was; as the cue says when it has ended
                stop
    route       0, 1, 2, ...       as it was
    performer   name, number,      as it was
                next
    mark        a text             as it was
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final, Literal, Protocol

from micstream import events
from micstream.bus import Bus
from micstream.cue_desk import CueDesk, NoCues, OnePerformer, VoiceDesk
from micstream.errors import UsageError
from micstream.fan_out import FanOut
from micstream.gating import Gating, Switch
from micstream.settings.pieces import ControlSettings
from micstream.speech.cutter import Gate
from micstream.speech.events import EndReason, Timed
from micstream.state import State
from micstream.verbs import NEXT, STOP, VERBS, expected, named

COUGH_S: Final = 1.0
"""Time that a cough is muted for."""
_MARK_LENGTH: Final = 200
_STATES: Final[dict[Gate, Literal["open", "closed", "detector"]]] = {
    Gate.OPEN: "open",
    Gate.CLOSED: "closed",
    Gate.DETECTOR: "detector",
}


class Governed(Protocol):
    """Sound path, as far as the controls need it."""

    def set_gate(self, gate: Gate) -> Iterable[Timed]:
        """Set the gate; what that makes happen."""
        ...

    def end(self, reason: EndReason) -> Iterable[Timed]:
        """End the open utterance here; what that makes happen."""
        ...


class Controls:
    """The gate, the route, the cues, and the verbs that change them.

    Raises:
        UsageError: the route leads to an avatar that is not there.
    """

    def __init__(
        self,
        fan_out: FanOut,
        bus: Bus,
        settings: ControlSettings,
        cues: CueDesk | None = None,
    ) -> None:
        self._fan_out = fan_out
        self._bus = bus
        self._starts_manual = settings.manual
        self._gating = Gating(manual=settings.manual, tail_s=settings.talk_tail_s)
        self._cues: CueDesk = cues or NoCues()
        self.voice: VoiceDesk = OnePerformer()
        """Performers to whom the voice can be given."""
        self._timer: asyncio.TimerHandle | None = None
        self._told: tuple[Gate, bool, bool] | None = None
        self._paths: list[Governed] = []
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
        return self._gating.gate

    @property
    def state(self) -> State:
        """State of the session."""
        return self._bus.state

    @property
    def avatars(self) -> int:
        """Number of avatars that the route can lead to."""
        return len(self._fan_out)

    @property
    def avatar_names(self) -> tuple[str, ...]:
        """The avatars as `--avatar` names them, in the order of the routes."""
        return self._fan_out.names

    @property
    def cues(self) -> tuple[str, ...]:
        """Names of the cues, in the order of their numbers from 1."""
        return self._cues.names

    @property
    def muted(self) -> bool:
        """Muted: the gate is closed until `mute` is off, or another verb opens it."""
        return self._gating.muted

    # ---- the verbs -----------------------------------------------------------------------------

    def mute(self, switch: Switch = "on", *, by: str = "") -> None:
        """Close the gate and end the open utterance; off: as it was before."""
        with self._changing(by):
            self._gating.mute(switch)

    def talk(
        self,
        switch: Literal["on", "off"] = "on",
        *,
        by: str = "",
        holder: str = "",
        keepalive_s: float | None = None,
    ) -> None:
        """Hold the gate open: push-to-talk, until it is released, or its holder is gone.

        Called again while it is held it goes on for `keepalive_s` more. After the last release a
        tail is let through, and a new press within it goes on with the same utterance.

        Raises:
            UsageError: the microphone is muted (code "muted").
        """
        holder = holder or by
        if switch == "off":
            with self._changing(by):
                self._gating.release(holder, _now())
            return
        if self._gating.muted:
            raise UsageError(
                "muted: what is said now is not sent", hint="mute off, then talk", code="muted"
            )
        with self._changing(by):
            self._gating.hold(holder, _now(), keepalive_s=keepalive_s)

    def manual(self, switch: Switch = "on", *, by: str = "") -> None:
        """Open the gate by hand, and end a mute by it; off: close it by hand."""
        with self._changing(by):
            self._gating.manual(switch)

    def auto(self, *, by: str = "") -> None:
        """Leave the gate to the detector, and end a mute by it."""
        with self._changing(by):
            self._gating.auto()

    def cough(self, *, by: str = "") -> None:
        """Mute for a second; called again it prolongs it. Who is muted stays so."""
        with self._changing(by):
            self._gating.cough(COUGH_S, _now())

    async def interrupt(self, *, by: str = "") -> None:
        """Have the avatars fall silent and drop what they hold; what is said is cut off at once.

        Nothing is sent until the next onset, and that needs a silence before it. A gate that is
        open by hand is closed, a cue ends. Returns once the avatars were told.
        """
        if self._gating.by_hand is Gate.OPEN or self._gating.is_held:
            with self._changing(by):
                self._gating.interrupt()
        self._cues.cut("interrupt")
        await self._cut_off(by)

    async def panic(self, *, by: str = "") -> None:
        """Mute, stop cues, have the avatars fall silent, drop all that is queued; stays muted."""
        self.mute("on", by=by)
        self._cues.cut("panic")
        await self._cut_off(by)

    def cue(self, cue: str | int, *, by: str = "") -> None:
        """Play a cue, by its name or its number from 1; the one that plays is stopped by it.

        Its name again, or "stop", stops it with its fade. "1" is a name where a cue has it.

        Raises:
            UsageError: there is no such cue.
        """
        name = self._cue_named(cue)
        if name is None:
            self._cues.stop(by=by)
        else:
            self._cues.press(name, by=by)

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

    def performer(self, performer: str | int, *, by: str = "") -> None:
        """Give the voice to a performer, by name or by number from 1, or to the next one.

        The utterance of the one who had it ends; what the other says is sent from his next onset.

        Raises:
            UsageError: there is no such performer (code "no_such_performer").
        """
        names = self.voice.names
        if performer == NEXT and names:
            self.voice.give_next(by=by)
            return
        self.voice.give(
            named(performer, names, "performer", "only one performs: --performer NAME=WHAT"), by=by
        )

    def mark(self, text: str, *, by: str = "") -> None:
        """Put a marker into the record of events; the text on one line, 200 characters at most."""
        line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        self._bus.emit(events.Marked(text=line[:_MARK_LENGTH], by=by))

    async def do(
        self,
        verb: str,
        argument: str | int | None = None,
        *,
        by: str = "",
        holder: str = "",
        keepalive_s: float | None = None,
    ) -> None:
        """Carry out a verb by its name, as keys and transports do.

        `by` is who calls, for the events: key, program, page, ctl, http, osc. `holder` and
        `keepalive_s` are of a connection that may be gone without a word: see `talk`.

        Raises:
            UsageError: there is no such verb, its argument cannot be used, or it cannot be done.
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
            case "hold", "on" | "off":
                done = carry_out(argument, by=by, holder=holder, keepalive_s=keepalive_s)
            case "nothing", None:
                done = carry_out(by=by)
            case "number", int() if 0 <= argument <= len(self._fan_out):
                done = carry_out(argument, by=by)
            case ("cue" | "performer", str() | int()) | ("text", str()) if argument != "":
                done = carry_out(argument, by=by)
            case _:
                raise UsageError(
                    f"{verb}: {argument!r} cannot be used",
                    hint=expected(known, len(self._fan_out)),
                    code="bad_argument",
                )
        if inspect.isawaitable(done):
            await done

    def keep(self, holder: str, keepalive_s: float) -> None:
        """Go on holding push-to-talk for so long: no new press, and it opens nothing.

        Raises:
            UsageError: it is held no more: let go by time, or by another verb (code "not_held").
        """
        if holder not in self._gating.holders:
            raise UsageError(
                "push-to-talk is held no more", hint="let go, and press again", code="not_held"
            )
        self._gating.hold(holder, _now(), keepalive_s=keepalive_s)
        self._set_timer()

    def let_go(self, holder: str, *, by: str = "") -> None:
        """End what somebody held who is gone: a socket that closed, a page that is no more."""
        self.talk("off", by=by, holder=holder)

    # ---- telling -------------------------------------------------------------------------------

    def tell_gate(self, *, by: str = "") -> None:
        """Say how the gate stands, unless it was said."""
        standing = (self.gate, self.muted, self._gating.is_held)
        if self._told != standing:
            self._told = standing
            self._bus.emit(
                events.Gate(
                    state=_STATES[self.gate],
                    muted=self.muted,
                    held=self._gating.is_held,
                    by=by,
                )
            )

    def tell_route(self, *, by: str = "") -> None:
        """Say who gets what is said, where that is a question."""
        if len(self._fan_out) > 1:
            routed, number = self._fan_out.routed, self._fan_out.number
            self._bus.emit(events.Route(avatars=routed, number=number, by=by))
            self._bus.emit(events.Voice(avatars=routed))

    # ---- the sound -----------------------------------------------------------------------------

    @contextmanager
    def governing(self, path: Governed) -> Iterator[None]:
        """Have the gate decide what of a live source's sound is sent."""
        self._put(path.set_gate(self.gate))
        self._paths.append(path)
        try:
            yield
        finally:
            self._paths.remove(path)

    @contextmanager
    def _changing(self, by: str) -> Iterator[None]:
        """Change the gating; then the gate follows, everybody is told, and the timer is set."""
        before = self.gate
        yield
        if self.gate is not before:
            self._apply(self.gate)
        # Between two presses of a key that opens the gate nobody is away.
        shut = self.gate is Gate.CLOSED and (self.muted or not self._starts_manual)
        self._fan_out.mute(shut)
        self.tell_gate(by=by)
        self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        at = self._gating.next_timer()
        if at is not None:
            self._timer = asyncio.get_running_loop().call_at(at, self._handle_timer)

    def _handle_timer(self) -> None:
        self._timer = None
        with self._changing(""):
            self._gating.handle_timer(_now())

    async def _cut_off(self, by: str) -> None:
        for path in self._paths:
            self._put(path.end(EndReason.INTERRUPT))
        self._bus.emit(events.Interrupted(by=by))
        await self._fan_out.interrupt()

    def _cue_named(self, cue: str | int) -> str | None:
        """Name of a cue; None: `stop`."""
        names = self._cues.names
        if cue == STOP and cue not in names:
            return None
        return named(cue, names, "cue", "none was given: --show FILE")

    def _apply(self, gate: Gate) -> None:
        for path in self._paths:
            self._put(path.set_gate(gate))

    def _put(self, happened: Iterable[Timed]) -> None:
        for event, at in happened:
            self._fan_out.put(event, at)


def _now() -> float:
    return asyncio.get_running_loop().time()
