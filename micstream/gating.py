"""Gating: whether what a performer says is let through, by all who have a say in it. Pure.

    muted, or coughing                  closed: nothing else counts
    push-to-talk held, or its tail      open
    else                                as set by hand: open, closed, or left to the detector

Who holds push-to-talk may be gone without a word (a closed socket, a tablet asleep): each holder
has a keepalive, and is let go when it runs out. A release lets the last syllable through (the
tail); a mute does not.
"""

from __future__ import annotations

from typing import Literal

from micstream.speech.cutter import Gate

Switch = Literal["on", "off", "toggle"]


class Gating:
    """Decides how the gate stands; time is handed in, in monotonic seconds.

    `manual`: closed at first, until somebody opens it; else left to the detector.
    `tail_s`: seconds that the gate stays open after the last release of push-to-talk.
    """

    def __init__(self, *, manual: bool = False, tail_s: float = 0.1) -> None:
        self._by_hand = Gate.CLOSED if manual else Gate.DETECTOR
        self._tail_s = tail_s
        self._muted = False
        self._cough_until: float | None = None
        self._tail_until: float | None = None
        self._holders: dict[str, float | None] = {}
        """Those that hold push-to-talk, and when each keepalive runs out; None: it has none."""

    # ---- how it stands -------------------------------------------------------------------------

    @property
    def gate(self) -> Gate:
        """Open, closed, or by the detector."""
        if self.muted:
            return Gate.CLOSED
        return Gate.OPEN if self.is_held else self._by_hand

    @property
    def muted(self) -> bool:
        """Muted, until `mute` is off or another verb opens the gate; or for the time of a cough."""
        return self._muted or self._cough_until is not None

    @property
    def is_coughing(self) -> bool:
        """Muted for a moment, and no longer: it ends by itself."""
        return self._cough_until is not None and not self._muted

    @property
    def is_held(self) -> bool:
        """Push-to-talk is held, or was until a moment ago."""
        return bool(self._holders) or self._tail_until is not None

    @property
    def holders(self) -> tuple[str, ...]:
        """Those that hold push-to-talk."""
        return tuple(self._holders)

    @property
    def by_hand(self) -> Gate:
        """As it was set, if nobody is muted and nobody holds."""
        return self._by_hand

    def next_timer(self) -> float | None:
        """Monotonic second at which something ends by itself."""
        times = [self._cough_until, self._tail_until, *self._holders.values()]
        return min((at for at in times if at is not None), default=None)

    # ---- what changes it -----------------------------------------------------------------------

    def mute(self, switch: Switch) -> None:
        """Mute, at once; off: as it was before, and never open where it was held open."""
        muted = switched(self.muted, switch)
        self._muted, self._cough_until = muted, None
        if muted:
            self.let_go()

    def manual(self, switch: Switch) -> None:
        """Open by hand, which ends a mute; off: closed by hand."""
        if switched(self.gate is Gate.OPEN, switch):
            self._set(Gate.OPEN)
        else:
            self._by_hand = Gate.CLOSED
            self.let_go()

    def auto(self) -> None:
        """Leave it to the detector, which ends a mute."""
        self._set(Gate.DETECTOR)

    def cough(self, seconds: float, now: float) -> None:
        """Mute for so long from now; again prolongs it. Who is muted stays so."""
        if not self._muted:
            self._cough_until = now + seconds

    def interrupt(self) -> None:
        """Close what is open by hand, or held: what comes next has to be begun anew."""
        if self._by_hand is Gate.OPEN:
            self._by_hand = Gate.CLOSED
        self.let_go()

    def hold(self, holder: str, now: float, *, keepalive_s: float | None = None) -> None:
        """Hold push-to-talk, or go on holding it: for `keepalive_s` from now, or until released."""
        self._holders[holder] = None if keepalive_s is None else now + keepalive_s
        self._tail_until = None

    def release(self, holder: str, now: float) -> None:
        """Hold it no more; after the last one's release the tail is let through."""
        if holder not in self._holders:
            return
        del self._holders[holder]
        if not self._holders:
            self._tail_until = now + self._tail_s

    def let_go(self) -> None:
        """End push-to-talk at once, whoever holds it."""
        self._holders.clear()
        self._tail_until = None

    def handle_timer(self, now: float) -> None:
        """End what has run out: a cough, a tail, the keepalive of one who is gone."""
        if self._cough_until is not None and now >= self._cough_until:
            self._cough_until = None
        if self._tail_until is not None and now >= self._tail_until:
            self._tail_until = None
        for holder, until in tuple(self._holders.items()):
            if until is not None and now >= until:
                self.release(holder, until)
        if self._tail_until is not None and now >= self._tail_until:
            self._tail_until = None

    def _set(self, by_hand: Gate) -> None:
        self._by_hand, self._muted, self._cough_until = by_hand, False, None
        self.let_go()


def switched(is_on: bool, switch: Switch) -> bool:
    """Value after the switch."""
    return not is_on if switch == "toggle" else switch == "on"
