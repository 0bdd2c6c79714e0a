"""The show's file: what it says is used, what it cannot say is refused in words."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from micstream.errors import UsageError
from micstream.messages import Message
from micstream.show.show_file import load_show


def sound(path: Path, seconds: float = 0.5, rate: int = 48_000) -> Path:
    soundfile.write(path, np.full(round(seconds * rate), 0.25), rate)
    return path


def written(folder: Path, text: str) -> str:
    file = folder / "show.toml"
    file.write_text(text, encoding="utf-8")
    return str(file)


def test_a_folder_is_a_cue_a_sound_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b.wav", "a.flac", "c.ogg"):
        sound(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no sound")
    show = load_show(str(tmp_path))
    assert [cue.name for cue in show.cues] == ["a", "b", "c"]
    assert all(abs(cue.duration_s - 0.5) < 0.01 and not cue.problem for cue in show.cues)


def test_a_file_says_it_all(tmp_path: Path) -> None:
    sound(tmp_path / "clap.wav")
    show = load_show(
        written(
            tmp_path,
            """
            microphone = "duck"
            dialect = "keyframe"
            [keys]
            panic = "x"
            [[cue]]
            name = "applause"
            file = "clap.wav"
            gain_db = -6
            fade_ms = 400
            colour = "#c04030"
            key = "a"
            then = "unmute"
            microphone = "takeover"
            [[cue]]
            name = "smile"
            [[cue.message]]
            emotion = "happy"
            [[cue.message]]
            rpc = "gesture"
            payload = "bow"
            [[cue.message]]
            text = "hello"
            [[cue.message]]
            data = "lk.control"
            payload = "wave"
            """,
        )
    )
    clap, smile = show.cues
    level = np.frombuffer(clap.pcm, "<i2")[4_000]
    assert abs(level - 0.25 * 32768 / 2) < 30
    assert (clap.fade_s, clap.colour, clap.key) == (0.4, "#c04030", "a")
    assert (clap.then, clap.meanwhile) == ("unmute", "takeover")
    assert (smile.pcm, smile.meanwhile) == (b"", "duck")
    assert smile.messages == (
        Message("data", "lk.control", "emotion:happy"),
        Message("rpc", "gesture", "bow"),
        Message("text", "lk.chat", "hello"),
        Message("data", "lk.control", "wave"),
    )
    assert show.keys == {"panic": "x"}


@pytest.mark.parametrize(
    ("dialect", "said", "expected"),
    [
        ("tavus", 'emotion = "joy"', ("data", "app_messages", "conversation.set_emotion")),
        ("synthesia", 'avatar = "ben"', ("rpc", "swapAvatar", "ben")),
    ],
)
def test_expressions_are_the_makers_own(
    tmp_path: Path, dialect: str, said: str, expected: tuple[str, str, str]
) -> None:
    text = f'dialect = "{dialect}"\n[[cue]]\nname = "x"\n[[cue.message]]\n{said}'
    (message,) = load_show(written(tmp_path, text)).cues[0].messages
    kind, name, inside = expected
    assert (message.kind, message.name) == (kind, name)
    assert inside in json.loads(message.payload).values()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cue = 3", "cue: input should be a valid list"),
        ("[[cue", "not TOML"),
        ('[[cue]]\nname = "a"', "cue 'a': expected a file, a message, or both"),
        ('[[cue]]\nfile = "a.wav"', "cue 1.name: field required"),
        ('[[cue]]\nname = "a"\nfile = "a.wav"\ncolour = "red"', "cue 'a'.colour"),
        ('[[cue]]\nname = "a"\nfile = "a.wav"\nthen = "bow"', "cue 'a'.then"),
        ('[[cue]]\nname = "stop"\nfile = "a.wav"', "expected another name"),
        ('[[cue]]\nname = "a"\nfile = "a.wav"\nvolume = 3', "cue 'a'.volume"),
        ('[[cue]]\nname = "a"\nfile = "a.wav"\ncolor = "#fff"', "did you mean colour?"),
        ('[[cues]]\nname = "a"', "cues: there is no such setting; did you mean cue?"),
        ('[[cue]]\nname = "a"\n[[cue.message]]\nx = "y"', "expected one of rpc, data"),
        ('[[cue]]\nname = "a"\nfile = "x"\n' * 2, "two cues are named 'a'"),
        (
            "".join(f'[[cue]]\nname = "{name}"\nfile = "x"\nkey = "k"\n' for name in "ab"),
            "'k' is the key of 'a' and 'b'",
        ),
        (
            '[[cue]]\nname = "a"\n[[cue.message]]\nrpc = "x"\ntext = "y"',
            "expected one of rpc, data, text, emotion, avatar",
        ),
        ('[[cue]]\nname = "a"\n[[cue.message]]\nemotion = "x"', "need a dialect"),
        (
            'dialect = "tavus"\n[[cue]]\nname = "a"\n[[cue.message]]\navatar = "x"',
            "cannot be swapped",
        ),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UsageError) as refused:
        load_show(written(tmp_path, text))
    assert words in refused.value.message
    assert "docs/show.md" in refused.value.hint


@pytest.mark.parametrize("make", ["missing", "folder", "bytes"])
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, make: str) -> None:
    path = tmp_path / "show.toml"
    if make == "folder":
        path.mkdir()
    elif make == "bytes":
        path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="--show"):
        load_show(str(path))


def test_a_broken_sound_leaves_the_others(tmp_path: Path) -> None:
    sound(tmp_path / "good.wav")
    (tmp_path / "bad.wav").write_text("no sound")
    text = "".join(
        f'[[cue]]\nname = "{name}"\nfile = "{name}.wav"\n' for name in ("good", "bad", "missing")
    )
    good, bad, missing = load_show(written(tmp_path, text)).cues
    assert not good.problem
    assert "bad.wav" in bad.problem
    assert "missing.wav" in missing.problem


def test_what_is_too_long_is_left_out(tmp_path: Path) -> None:
    sound(tmp_path / "long.wav", seconds=601, rate=8_000)
    (cue,) = load_show(str(tmp_path)).cues
    assert "expected 600 at most" in cue.problem
    assert cue.pcm == b""
