"""Every setting there is: its name, default, range, unit and words, in one table.

Settings validate by it, the command line draws its options from it, and the documentation is
tested against it. Nothing heavy is imported here, so that `--help` stays quick.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

from micstream.delivery.options import Policy, States
from micstream.dialects import DIALECTS
from micstream.settings.cutting_table import CUTTING_KNOBS
from micstream.settings.knob import (
    CLEANING,
    KEEPING,
    MICROPHONE,
    PERFORMERS,
    ROOM,
    SENDING,
    SHOW,
    STARTING,
    Knob,
)

Talk = Literal["voice", "manual", "push"]
"""`push` is an older name for `manual`."""
Mode = Literal["live", "utterance"]
VoiceBy = Literal["hand", "first"]


KNOBS: Final = (
    Knob("url", "Address of the LiveKit server, ws:// or wss://.", ROOM, env="LIVEKIT_URL"),
    Knob("api_key", "API key of the LiveKit server.", ROOM, env="LIVEKIT_API_KEY"),
    Knob(
        "api_secret",
        "Its secret. Better in the environment: a process list shows options.",
        ROOM,
        env="LIVEKIT_API_SECRET",
        secret=True,
    ),
    Knob(
        "token",
        "A ready token of kind agent, in place of key and secret.",
        ROOM,
        env="LIVEKIT_TOKEN",
        secret=True,
    ),
    Knob(
        "insecure",
        "Allow ws:// and http:// through the internet: whoever is on the way reads the token.",
        ROOM,
        False,
        bool,
    ),
    Knob("room", "Name of the room.", ROOM, "micstream", env="LIVEKIT_ROOM", short="-r"),
    Knob(
        "identity",
        "Who we are in the room; keep it stable, the avatar binds to it.",
        ROOM,
        "external-audio-sender",
        short="-i",
    ),
    Knob(
        "take_over",
        "Take the place of a sender that is in the room under our identity: it ends.",
        ROOM,
        False,
        bool,
    ),
    Knob(
        "avatar",
        "The avatar's identity, or a prefix ending in *: the first of those to have joined. May be "
        "given several times, to speak through several avatars.",
        ROOM,
        ("avatar-*",),
        several=True,
    ),
    Knob(
        "wait_avatar",
        "How long to wait for the avatar. live waits for ever unless told, play and pipe 30 s.",
        ROOM,
        None,
        float,
        0,
        86_400,
        unit="s",
    ),
    Knob(
        "ready_timeout",
        "After this long without an answer to the readiness test, go by the avatar's video.",
        ROOM,
        5.0,
        float,
        0.5,
        60,
        unit="s",
    ),
    Knob(
        "license_key",
        "License key for the avatar's server. Better in the environment: a process list shows "
        "options.",
        STARTING,
        env="AVALUMA_LICENSE_KEY",
        also=("AVALUMA_API_KEY",),
        secret=True,
    ),
    Knob(
        "avatar_id",
        "The avatar to bring in: its .hvia file's name without the ending. Where --avatar is not "
        "given, avatar-ID is the one to speak through.",
        STARTING,
        env="AVALUMA_AVATAR_ID",
    ),
    Knob(
        "avatar_server",
        "Address of the avatar's server.",
        STARTING,
        "https://api.avaluma.ai",
        env="AVATAR_SERVER_URL",
        also=("AVALUMA_API_URL", "AVALUMA_AVATAR_SERVER_URL"),
    ),
    Knob(
        "start_avatar",
        "Have its server bring the avatar in, unless it is in the room.",
        STARTING,
        False,
        bool,
    ),
    Knob(
        "keep_avatar",
        "The same, and again whenever it has left or fallen silent.",
        STARTING,
        False,
        bool,
    ),
    Knob(
        "device",
        "Microphone: name, part of a name, or index (see micstream devices). "
        "The system's default where it is not given.",
        MICROPHONE,
    ),
    Knob(
        "channel",
        "Channel to use of a device with several, from 1; 0 mixes them all.",
        MICROPHONE,
        0,
        int,
        0,
        64,
    ),
    Knob(
        "talk",
        "voice: the detector opens the gate. manual (push): the key t does.",
        MICROPHONE,
        "voice",
        choices=get_args(Talk),
    ),
    Knob(
        "talk_tail_ms",
        "Push-to-talk: sound that is still sent after the last release, for the last syllable.",
        MICROPHONE,
        100,
        int,
        0,
        2_000,
        unit="ms",
    ),
    Knob(
        "performer",
        "A performer and whose sound his is, NAME=WHAT: a microphone (anna=USB, with a channel "
        "anna=USB:2), or a participant of the room (anna=room:anna). Once for each; in place of "
        "--device and --channel. The first has the voice at first.",
        PERFORMERS,
        (),
        several=True,
    ),
    Knob(
        "voice_by",
        "How one of several performers gets the voice. hand: it is given to him. first: who speaks "
        "first has it.",
        PERFORMERS,
        "hand",
        choices=get_args(VoiceBy),
    ),
    Knob(
        "voice_hold",
        "With --voice-by first: how long after his last word it stays his.",
        PERFORMERS,
        1.5,
        float,
        0,
        60,
        unit="s",
    ),
    Knob(
        "echo_guard",
        "Loudspeakers in the hall: what they play back into the microphone begins no utterance and "
        "holds none open. auto: the avatar's own sound is the reference. channel:N: channel N of "
        "the device is, the mixer's aux. off: there are none.",
        MICROPHONE,
        "off",
    ),
    Knob(
        "clean",
        "High pass, noise suppression and automatic gain before detection and sending.",
        CLEANING,
        False,
        bool,
    ),
    Knob(
        "send_original",
        "With --clean: the detector hears the cleaned sound, the avatar gets the original.",
        CLEANING,
        False,
        bool,
    ),
    Knob(
        "mode",
        "live: heard while you speak. utterance: each one whole, after its end.",
        SENDING,
        "live",
        choices=get_args(Mode),
    ),
    Knob(
        "lead_ms",
        "Least sound in the first write: the avatar's cushion against a jittery network. It grows "
        "by itself, to 1000 at most, after gaps in the playback. Less than 110 makes gaps with "
        "stock avatars.",
        SENDING,
        110,
        int,
        0,
        5_000,
        unit="ms",
    ),
    Knob(
        "chunk_ms",
        "Sound in each write after that. Stock avatars play pieces of 100: smaller writes cost "
        "more and are heard no sooner. For one that plays smaller pieces: 50 or 20.",
        SENDING,
        100,
        int,
        10,
        1_000,
        unit="ms",
    ),
    Knob(
        "dialect",
        "Dialect of the protocol that the avatar speaks: its rate, and the names of its calls.",
        SENDING,
        "stock",
        choices=tuple(DIALECTS),
    ),
    Knob(
        "avatar_rate",
        "Sample rate that the avatar wants: 16000 for most, 24000 for some; by --dialect unless "
        "given.",
        SENDING,
        None,
        int,
        8_000,
        48_000,
        unit="Hz",
    ),
    Knob(
        "late",
        "What becomes of speech that had to wait too long. drop: it is dropped up to a pause. "
        "queue: kept, and sent in order. latest: the newest whole utterance is kept.",
        SENDING,
        "drop",
        choices=get_args(Policy),
    ),
    Knob("late_after", "Speech that waits longer is late.", SENDING, 2.0, float, 0.1, 60, unit="s"),
    Knob(
        "late_bound",
        "No more than this may wait; the oldest gives way.",
        SENDING,
        60.0,
        float,
        1,
        600,
        unit="s",
    ),
    Knob(
        "max_backlog",
        "Once this much is sent and not yet played, no more is sent until the avatar catches up.",
        SENDING,
        10.0,
        float,
        1,
        600,
        unit="s",
    ),
    Knob(
        "stay",
        "Come back by itself also where somebody has removed us, or deleted the room.",
        SENDING,
        False,
        bool,
    ),
    Knob(
        "route",
        "Which of several avatars speaks at first, by the order of --avatar; 0: all of them.",
        SENDING,
        0,
        int,
        0,
        99,
        was="voice",
    ),
    Knob(
        "avatar_state",
        "Tell the avatar what the performer does (user: speaking, listening, away) and whether its "
        "own sound plays (agent: speaking, listening). on: both.",
        SENDING,
        "on",
        choices=get_args(States),
    ),
    Knob(
        "show",
        "Cues and keys of the show: a file (see docs/show.md), or a folder of sound files, each "
        "a cue of its name.",
        SHOW,
    ),
    Knob(
        "control",
        "Let a page, programs and micstream ctl control the show; tells the page's link.",
        SHOW,
        False,
        bool,
    ),
    Knob("control_port", "Port of the show's control.", SHOW, 8421, int, 1, 65_535),
    Knob(
        "control_lan",
        "Let other machines of this network reach it, by its link: a tablet, Companion.",
        SHOW,
        False,
        bool,
    ),
    Knob("osc", "Let OSC over UDP control the show, at this port.", SHOW, None, int, 1, 65_535),
    Knob(
        "record",
        "Record the session into a new folder within this one: the microphone, each utterance as "
        "sent, and the events.",
        KEEPING,
    ),
    Knob(
        "record_avatar",
        "With --record: also the sound that the avatars publish.",
        KEEPING,
        False,
        bool,
    ),
    Knob(
        "log",
        "Keep the events of this and the last sessions in a bounded file of the user's state. On "
        "unless --no-log.",
        KEEPING,
        True,
        bool,
    ),
    *CUTTING_KNOBS,
)

BY_NAME: Final = {knob.name: knob for knob in KNOBS}
