"""Headline: how the show stands, in one word to be seen from afar, and why in a line. Pure.

What keeps everybody from being heard comes first; all else that is wrong is told beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

from micstream.plain_text import printable
from micstream.state import State
from micstream.state_parts import AvatarState

_BAD, _SHUT, _GOOD, _ON, _CUE = "red", "red", "green", "yellow", "blue"


@dataclass(frozen=True, slots=True)
class Headline:
    """A word in capitals, its colour, and what there is to say of it."""

    word: str
    colour: str
    why: str = ""


def headline(state: State) -> Headline:
    """The most important thing, with the others in its line."""
    troubles = [each for each in (_connection(state), _avatar(state)) if each is not None]
    hand = [each for each in (_microphone(state), _gate(state)) if each is not None]
    # A cue is heard whatever becomes of microphone and gate.
    cue = [] if state.cue is None else [_cue(state)]
    found = [*troubles, *cue, *hand] or [_fine(state)]
    first, rest = found[0], [each.word.lower() for each in found[1:]]
    why = "; ".join([first.why, *(f"also {word}" for word in rest)] if first.why else rest)
    return Headline(first.word, first.colour, why)


def _connection(state: State) -> Headline | None:
    match state.connection:
        case "none" | "connecting":
            return Headline("CONNECTING", _ON, "joining the room")
        case "reconnecting" | "lost":
            nth = f", attempt {state.attempt}" if state.attempt > 1 else ""
            return Headline("RECONNECTING", _BAD, f"NOT heard: the connection is lost{nth}")
    return None


def _avatar(state: State) -> Headline | None:
    if any(avatar.link == "listening" for avatar in state.avatars):
        return None
    silent = _named(state, "silent")
    if silent:
        return Headline("SILENT AVATAR", _BAD, f"NOT heard: {silent} plays nothing any more")
    if state.connection != "connected":
        return None
    if joined := _named(state, "joined"):
        return Headline("NOT READY", _ON, f"{joined} is here and getting ready")
    if bound := _named(state, "bound"):
        return Headline("NO AVATAR", _BAD, f"NOT heard: {bound} listens to another sender")
    return Headline("NO AVATAR", _BAD, "NOT heard: waiting for the avatar")


def _named(state: State, link: str) -> str:
    return ", ".join(name(each) for each in state.avatars if each.link == link)


def _microphone(state: State) -> Headline | None:
    match state.microphone:
        case "lost":
            return Headline("NO MICROPHONE", _BAD, "NOT heard: it is gone; looking for it")
        case "zeros":
            return Headline("SILENT MICROPHONE", _BAD, "NOT heard: it delivers only silence")
    return None


def _gate(state: State) -> Headline | None:
    if state.muted:
        return Headline("MUTED", _SHUT, "you are NOT heard")
    if state.gate == "closed":
        return Headline("CLOSED", _SHUT, "you are NOT heard: the gate is closed")
    return None


def _cue(state: State) -> Headline:
    cue = state.cue
    assert cue is not None
    how = "the audience hears it" if cue.heard else "sent, NOT heard yet"
    if not cue.sending:
        how += ", the last of it"
    return Headline("PLAYING CUE", _CUE, f"{cue.number} {printable(cue.name)}: {how}")


def _fine(state: State) -> Headline:
    playing = [name(avatar) for avatar in state.avatars if avatar.playing]
    heard = f"the audience hears {', '.join(playing)}" if playing else ""
    if state.gate == "open":
        how = "held" if state.held else "by hand"
        return Headline("OPEN", _ON, heard or f"all you say is sent ({how})")
    if state.speaking:
        return Headline("SPEAKING", _GOOD, heard or "sending, NOT heard yet")
    if state.microphone == "none" or not state.ready:
        return Headline("STARTING", _ON, "opening the microphone")
    return Headline("LISTENING", _GOOD, heard or "ready: the next word is heard")


def name(avatar: AvatarState) -> str:
    """Name of an avatar, as it has a place and does no harm."""
    return printable(avatar.name).replace("\n", " ")[:24]
