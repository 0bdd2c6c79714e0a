"""What the room tells people, in words: what is wrong, and what to do."""

from __future__ import annotations

from collections.abc import Sequence

from micstream.errors import ConnectionFailed, MicstreamError
from micstream.events import EVENTS_LOST, Warned

_SOUND_SETTINGS = (
    "choose the microphone in the system's sound settings (pavucontrol: Recording), or name its "
    "device by --device"
)


def trouble(error: MicstreamError) -> Warned:
    """An error that ends nothing."""
    return Warned(code=error.code, message=error.message, hint=error.hint)


def several_avatars(identities: Sequence[str]) -> Warned:
    """More than one can be meant; the first is taken."""
    return Warned(
        code="several_avatars",
        message=f"several avatars are here ({', '.join(identities)}); "
        f"speaking through {identities[0]}",
        hint="choose with --avatar",
    )


def passed_over(identity: str, why: str, taken: str) -> Warned:
    """One of several is of no use, so another is spoken through."""
    return Warned(
        code="avatar_passed_over",
        message=f"the avatar {identity!r} {why}; speaking through {taken!r}",
        hint="choose with --avatar",
    )


def bound_to_another(identity: str) -> Warned:
    """The avatar rejects our calls."""
    return Warned(
        code="avatar_bound",
        message=f"the avatar {identity!r} is bound to another sender: it hears nothing of us",
        hint="start the avatar for our identity, or join as the one it is bound to (--identity)",
    )


def unproven(identity: str, how: str) -> Warned:
    """The avatar does not answer the readiness test."""
    return Warned(
        code="avatar_unproven",
        message=f"the avatar {identity!r} does not answer the readiness test; going by its "
        + ("video" if how == "video" else "presence"),
        hint="its first utterance may be lost where it is not ready yet",
    )


def unwatched(seconds: float) -> Warned:
    """The server is going to close the room."""
    return Warned(
        code="no_viewer",
        message=f"nobody watches: without a viewer the server closes this room within "
        f"{seconds:.0f} s",
        hint="have a page show the avatar, or raise the room's empty_timeout and departure_timeout",
    )


def second_sender(identity: str) -> Warned:
    """Somebody else in the room may be the one that the avatar listens to."""
    return Warned(
        code="second_sender",
        message=f"another sender is in the room: {identity!r}, of kind agent; an avatar that is "
        "not bound to our identity may listen to it",
        hint="end it, or start the avatar for our identity; if it is an avatar: name it by "
        "--avatar",
    )


def mixed_origins(address: str, credential: str) -> Warned:
    """Warning: the server's address and its credential come from two places."""
    return Warned(
        code="mixed_origins",
        message=f"LIVEKIT_URL is from {address}, and its secret or token from {credential}: do "
        "they belong together?",
        hint="set both in one place",
    )


def namesake(identity: str) -> Warned:
    """Warning: somebody bears an avatar's name, and is of kind standard."""
    return Warned(
        code="namesake",
        avatar=identity,
        message=f"{identity!r} is in the room under an avatar's name and is of kind standard, not "
        "agent: it is not spoken through",
        hint="if it is the avatar: give it a token of kind agent; else another name",
    )


def silent(identity: str) -> Warned:
    """The avatar is there and does nothing."""
    return Warned(
        code="avatar_silent",
        message=f"the avatar {identity!r} is in the room, and neither reports nor answers any "
        "more: nothing is heard",
        hint="start the avatar anew; it goes on by itself as soon as one answers",
    )


def dead(identity: str) -> Warned:
    """The avatar answers and plays nothing."""
    return Warned(
        code="avatar_dead",
        message=f"the avatar {identity!r} answers and plays nothing: what was sent to it was "
        "neither reported nor heard",
        hint="start the avatar anew; with --keep-avatar that is done by itself",
    )


def backlog(seconds: float, limit: float) -> Warned:
    """The avatar is too far behind."""
    return Warned(
        code="backlog",
        message=f"the avatar is {seconds:.0f} s behind: what is said now is not sent until it has "
        f"caught up (--max-backlog {limit:g}; less where nothing arrives any more)",
        hint="look at the network: PCM needs 256 kbit/s of uplink at 16 kHz",
    )


def network_gone() -> Warned:
    """The SDK has not noticed yet, and nothing comes any more."""
    return Warned(
        code="network_gone",
        message="nothing comes from the server any more: what is said now is not heard",
        hint="look at the network; it goes on by itself as soon as something comes",
    )


def identity_in_use(identity: str) -> ConnectionFailed:
    """Somebody joined under our name. We do not come back: each would put the other out in turn."""
    return ConnectionFailed(
        f"another sender took our place: it joined as {identity!r}",
        hint="end the other one, or take another --identity",
        code="identity_in_use",
    )


def put_out(identity: str, room: str, *, deleted: bool) -> ConnectionFailed:
    """Somebody wants us, or the room, gone. We do not come back unasked."""
    if deleted:
        message, code = f"the room {room!r} was deleted: we are out of it", "room_deleted"
    else:
        message, code = f"{identity!r} was removed from the room {room!r}", "removed"
    return ConnectionFailed(
        message,
        hint="somebody with the server's API key did that: the crew, or LiveKit's dashboard. Once "
        "they agree, start again; with --stay it comes back by itself",
        code=code,
    )


def comes_back(error: ConnectionFailed) -> Warned:
    """The same, where we were told to come back."""
    return Warned(
        code=error.code,
        message=error.message,
        hint="it joins again by itself, as --stay says; to prevent that: end it, or have another "
        "key for the server",
    )


def identity_taken(already: str) -> ConnectionFailed:
    """Somebody is in the room under our name; joining would end it. `already`: who, since when."""
    return ConnectionFailed(
        f"{already}; it was not disturbed",
        hint="end that one, or take another --identity, or its place: --take-over, which ends it",
        code="identity_in_use",
    )


def left_behind(identity: str) -> Warned:
    """One that the server still lists under our name answers no more: it has crashed, or hangs."""
    return Warned(
        code="left_behind",
        message=f"an earlier sender {identity!r} is still listed in the room and does not answer: "
        "taking its place",
        hint="if it hangs somewhere: end it",
    )


def unheard(*, muted: bool) -> Warned:
    """Somebody speaks, and the gate is closed."""
    why = "muted" if muted else "the gate is closed"
    key, call = ("m", "mute(False)") if muted else ("t", "manual()")
    return Warned(
        code="unheard",
        message=f"you speak, but {why}: you are NOT heard",
        hint=f"press {key} to be heard, or v: sent while you speak (in a program: {call}, auto())",
    )


def other_microphone(before: str, now: str) -> Warned:
    """Another microphone was found in the place of the one that was lost."""
    return Warned(
        code="other_microphone",
        message=f"another microphone that fits --device is used: {now!r} in place of {before!r}",
        hint="to have this one and no other, name it whole by --device",
    )


def records_a_monitor(name: str) -> Warned:
    """The sound server gives us what this machine plays."""
    return Warned(
        code="monitor_source",
        message=f"the sound server gives us {name!r}: what this machine plays, no microphone",
        hint=_SOUND_SETTINGS,
    )


def source_moved(before: str, now: str, *, is_monitor: bool) -> Warned:
    """The sound server takes our sound from somewhere else."""
    what = ": what this machine plays, no microphone" if is_monitor else ""
    return Warned(
        code="source_moved",
        message=f"the sound server has moved us from {before!r} to {now!r}{what}",
        hint=_SOUND_SETTINGS,
    )


def unwatched_source(error: Exception) -> Warned:
    """A move by the sound server would not be noticed any more."""
    return Warned(
        code="source_unwatched",
        message=f"what the sound server records for us is no longer watched: {error!r}",
        hint="nothing else is harmed; please report it",
    )


def overflow() -> Warned:
    """The microphone's sound was lost before it reached us."""
    return Warned(
        code="overflow",
        message="PortAudio lost sound: this machine is too slow",
        hint="end other programs",
    )


def channels_cancel(source: str, taken: int) -> Warned:
    """Warning: mixed, the channels of a source are silence; one of them is used."""
    return Warned(
        code="channels_cancel",
        message=f"{source!r}: its channels cancel each other when mixed (one is another upside "
        f"down): channel {taken}, the loudest, is used",
        hint="look at the cable and at the settings of the input; --channel chooses one from the "
        "beginning",
    )


def events_lost(consumer: str, count: int) -> Warned:
    """A consumer of events did not take them in time; here it goes on."""
    return Warned(
        code=EVENTS_LOST,
        message=f"{count} event{'' if count == 1 else 's'} did not reach {consumer}, which had "
        "stopped taking them",
        hint="nothing else was held up; look at who reads there",
        count=count,
    )


def cue_unusable(name: str, why: str) -> Warned:
    """A cue that cannot be played."""
    return Warned(
        code="cue_unusable",
        message=f"the cue {name!r} cannot be played: {why}",
        hint="mend the file and start again; the other cues play",
    )


def cue_message_failed(name: str, error: MicstreamError) -> Warned:
    """A cue's message that did not get to an avatar."""
    return Warned(
        code="cue_message_failed",
        message=f"the cue {name!r}: {error.message}",
        hint=error.hint,
    )


def osc_failed(error: BaseException) -> Warned:
    """OSC, or a verb that came by it, has failed; all other ways are left."""
    return Warned(
        code="osc_failed",
        message=f"OSC has failed: {error!r}",
        hint="keys, page and `micstream ctl` go on; please report it",
    )


_MIX_MINUS = (
    "a mix-minus for the microphone, a closer or directional one, or in-ear monitors in place of "
    "loudspeakers"
)


def echo_no_reference() -> Warned:
    """The echo guard hears nothing of what it should guard against."""
    return Warned(
        code="echo_no_reference",
        message="the echo guard has no reference: nothing is heard of the avatar while you speak",
        hint="does the avatar publish a sound? With --echo-guard channel:N: is the loudspeakers' "
        "sound on that channel?",
    )


def echo_reference_late() -> Warned:
    """What the loudspeakers play comes to us later than to the microphone."""
    return Warned(
        code="echo_reference_late",
        message="the echo guard's reference comes too late now and then: echo gets through",
        hint="use a cable to the network, or the mixer's aux as the reference: "
        "--echo-guard channel:N",
    )


def echo_unknown() -> Warned:
    """An echo was learned in mid-show."""
    return Warned(
        code="echo_unknown",
        message="an echo that was not known beforehand has been learned: until now it was let "
        "through, and may have held an utterance open",
        hint="before the next show, with the loudspeakers on: micstream doctor --echo",
    )


def echo_too_loud(level_db: float) -> Warned:
    """The echo is more than the guard can tell from speech."""
    return Warned(
        code="echo_too_loud",
        message=f"the echo is {level_db:+.0f} dB beside the avatar's sound: more than the echo "
        "guard tells from speech without losing words",
        hint=f"turn the loudspeakers down, or {_MIX_MINUS}",
    )
