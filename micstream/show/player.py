"""Player of cues: a cue's sound on its way to the fan-out, at the pace at which it is heard.

It is sent as speech is, a moment ahead of its time, so that a press is heard as soon as a word
would be, and a stop is heard as soon as a mute: no more than that moment is under way.

    idle ── press ──▶ playing ── its end, stop (fade), replaced, performer, interrupt ──▶ idle
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Iterable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any, Final, Literal, Protocol

from micstream import events, notices
from micstream.audio.format import SPEECH
from micstream.controls import Controls
from micstream.errors import MicstreamError
from micstream.events import CueEnd, Emitter
from micstream.fan_out import FanOut
from micstream.messages import Message
from micstream.show.cue import DUCK_DB, Cue, Playout, Show, mixed, with_gain
from micstream.sources.turns import Turns
from micstream.speech.cutter import Gate
from micstream.speech.events import EndReason, Onset, SegmentEvent
from micstream.speech.whole import Whole
from micstream.taps import Captured, Tap, Taps

AHEAD_S: Final = 0.2
"""Sound is handed over so long before its time: the prebuffer and one chunk of it."""
_STEP_S: Final = 0.05
_MICROPHONE_S: Final = 1.0
"""Of the microphone's sound so much is kept for the mixture, at most."""
_REASONS: Final[dict[CueEnd, EndReason]] = {
    "end": EndReason.SOURCE_ENDED,
    "stop": EndReason.SOURCE_ENDED,
    "replaced": EndReason.SOURCE_ENDED,
    "performer": EndReason.MUTE,
    "interrupt": EndReason.INTERRUPT,
    "panic": EndReason.INTERRUPT,
    "shutdown": EndReason.SHUTDOWN,
}


class Messenger(Protocol):
    """Sends messages to the avatars that are spoken through."""

    async def send(self, message: Message) -> None:
        """Send it to each of them.

        Raises:
            MicstreamError: it did not arrive, or was refused.
        """
        ...


class CuePlayer:
    """Plays one cue at a time; `run` does so, and everything else says what shall play.

    `press`, `stop` and `cut` return at once. What cannot be played is told, and nothing ends.
    """

    def __init__(
        self,
        show: Show,
        fan_out: FanOut,
        taps: Taps,
        bus: Emitter,
        messenger: Messenger,
    ) -> None:
        self.show = show
        self.turns = Turns()
        """Whose turn it is: a cue takes one, for which the microphone is held."""
        self._cues = {cue.name: cue for cue in show.cues}
        self._fan_out = fan_out
        self._taps = taps
        self._bus = bus
        self._messenger = messenger
        self._wanted: tuple[Cue, str] | None = None
        self._changed = asyncio.Event()
        self._playing: _Playing | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all cues, in the order of their numbers from 1."""
        return tuple(self._cues)

    # ---- what shall play -----------------------------------------------------------------------

    def press(self, name: str, *, by: str) -> None:
        """Play this one in place of the one that plays; if it is that one, stop it."""
        cue, playing = self._cues[name], self._playing
        if playing is not None and playing.cue is cue and not playing.ending:
            self.stop(by=by)
            return
        if cue.problem:
            self._bus.emit(notices.cue_unusable(cue.name, cue.problem))
            return
        if playing is None:
            self._begin(cue, by)
        else:
            self._wanted = cue, by
            playing.stop("replaced", by)

    def stop(self, *, by: str) -> None:
        """Stop what plays, with its fade."""
        self._wanted = None
        if self._playing is not None:
            self._playing.stop("stop", by)

    def cut(self, reason: Literal["interrupt", "panic"]) -> None:
        """Stop what plays, at once."""
        self._wanted = None
        if self._playing is not None:
            self._playing.cut(reason)

    # ---- playing -------------------------------------------------------------------------------

    async def run(self, controls: Controls) -> None:
        """Play what is wanted, until cancelled; `controls` do what a cue says of its end."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                while (playing := self._playing) is None:
                    self._changed.clear()
                    await self._changed.wait()
                for message in playing.cue.messages:
                    tasks.create_task(self._send(playing.cue, message))
                try:
                    await self._play(playing, controls)
                except asyncio.CancelledError:
                    playing.cut("shutdown")
                    raise
                finally:
                    self._end(playing)
                if playing.reason == "end" and playing.cue.then:
                    await _do(controls, playing.cue.then)
                if self._wanted is not None:
                    self._begin(*self._wanted)

    def _begin(self, cue: Cue, by: str) -> None:
        """Have `run` play it; it is told at once, as whoever pressed is answered at once."""
        self._wanted, self._playing = None, _Playing(cue, self._fan_out)
        self._bus.emit(
            events.CueStarted(
                cue=cue.name, number=self._number(cue), duration_s=cue.duration_s, by=by
            )
        )
        self._changed.set()

    def _end(self, playing: _Playing) -> None:
        self._playing = None
        self._bus.emit(
            events.CueEnded(
                cue=playing.cue.name,
                number=self._number(playing.cue),
                reason=playing.reason,
                sent_s=playing.sent_s,
                by=playing.by,
            )
        )

    def _number(self, cue: Cue) -> int:
        return self.names.index(cue.name) + 1

    async def _play(self, playing: _Playing, controls: Controls) -> None:
        cue = playing.cue
        async with AsyncExitStack() as around, AsyncExitStack() as turn:
            if cue.pcm:
                await turn.enter_async_context(self.turns.take())
            microphone = None
            if cue.pcm and cue.meanwhile == "duck":
                tap = self._taps.tap(sent=False, capacity_s=_MICROPHONE_S)
                microphone = _Under(around.enter_context(tap), controls)
            await playing.run(microphone, turn)

    async def _send(self, cue: Cue, message: Message) -> None:
        try:
            await self._messenger.send(message)
        except MicstreamError as error:
            self._bus.emit(notices.cue_message_failed(cue.name, error))


class _Playing:
    """One cue while it plays; what is told of it comes from here, in order."""

    def __init__(self, cue: Cue, fan_out: FanOut) -> None:
        self.cue = cue
        self.ending = False
        self.reason: CueEnd = "end"
        self.by = ""
        self._fan_out = fan_out
        self._playout = Playout(cue.pcm)
        self._whole = Whole()
        self._over = asyncio.Event()

    @property
    def sent_s(self) -> float:
        """Seconds of it that were handed over."""
        return self._playout.taken_s

    async def run(self, microphone: _Under | None, turn: AsyncExitStack) -> None:
        """Hand it over, piece by piece, until it is over.

        One that gives way gives its turn back once it has begun: what was being said ends before
        it, and whoever goes on speaking takes over.
        """
        loop = asyncio.get_running_loop()
        begun = loop.time()
        for number in itertools.count():
            if self._over.is_set():
                break
            due = AHEAD_S + number * _STEP_S - self._playout.taken_s
            self._hand_over(self._playout.take(due), loop.time(), microphone)
            if self._playout.is_over:
                break
            if self.cue.meanwhile == "takeover":
                self._fan_out.give_way = self
                await turn.aclose()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(begun + (number + 1) * _STEP_S):
                    await self._over.wait()
        self._finish()

    def stop(self, reason: CueEnd, by: str) -> None:
        """End it with its fade."""
        if not self.ending:
            self.ending, self.reason, self.by = True, reason, by
        self._playout.stop(self.cue.fade_s)

    def cut(self, reason: CueEnd) -> None:
        """End it at once."""
        if self._over.is_set():
            return
        self.ending, self.reason = True, reason
        self._finish()

    def yield_turn(self) -> None:
        """Somebody speaks: end here, so that what he says comes next."""
        self.cut("performer")

    def _finish(self) -> None:
        self._over.set()
        if self._fan_out.give_way is self:
            self._fan_out.give_way = None
        self._put(self._whole.finish(_REASONS[self.reason]), 0.0)

    def _hand_over(self, pcm: bytes, now: float, microphone: _Under | None) -> None:
        if microphone is not None:
            pcm = mixed(pcm, microphone.take(len(pcm)))
        self._put(self._whole.push(pcm), now)

    def _put(self, happened: Iterable[SegmentEvent], now: float) -> None:
        for event in happened:
            named = replace(event, cue=self.cue.name) if isinstance(event, Onset) else event
            self._fan_out.put(named, now, own=True)


class _Under:
    """The microphone's sound, to be heard under a cue; nothing of it while the gate is closed."""

    def __init__(self, tap: Tap, controls: Controls) -> None:
        self._tap = tap
        self._controls = controls
        self._rest = b""

    def take(self, size: int) -> bytes:
        """Take as much of it as has come, up to `size` bytes, quieter."""
        for sound in self._tap.taken():
            if not isinstance(sound, Captured) or sound.held:
                continue
            if self._controls.gate is not Gate.CLOSED:
                self._rest += sound.pcm
        kept = SPEECH.samples(_MICROPHONE_S * 1000) * 2
        self._rest = self._rest[-kept:]
        taken, self._rest = self._rest[:size], self._rest[size:]
        return with_gain(taken, DUCK_DB)


async def _do(controls: Controls, then: str) -> None:
    verb: dict[str, tuple[str, Any]] = {
        "unmute": ("mute", "off"),
        "mute": ("mute", "on"),
        "auto": ("auto", None),
    }
    await controls.do(*verb[then], by="cue")
