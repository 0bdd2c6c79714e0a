"""A press by a shell command, sent before anything that takes its time is loaded.

`micstream ctl mute` is what a desktop's shortcut, a pedal or a Stream Deck runs, and the audience
waits for it: with all of the command line loaded, and a client library, it takes four times as
long as Python's own start. So this module imports little and speaks HTTP/1.1 by itself. What is not
plain is left to the command as a whole, with nothing sent.
"""

import json
import os
import socket
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_TIMEOUT_S = 10.0
_ANSWER_BYTES = 1 << 20
_OUT = 1


def press(words: "list[str]") -> "int | None":
    """`ctl VERB [ARGUMENT] [--room R]`: do it; the exit code. None: not plain, and not done."""
    if words[:1] != ["ctl"] or not sys.platform.startswith("linux"):
        return None
    words, room = words[1:], None
    if len(words) > 2 and words[-2] in ("--room", "-r"):
        words, room = words[:-2], words[-1]
    if not 1 <= len(words) <= 2 or any(word.startswith("-") for word in words):
        return None
    verb, argument = words[0], words[1] if len(words) > 1 else None
    if not (verb.isascii() and verb.isalpha()) or verb in ("status", "watch"):
        return None
    shows = [show for show in _shows() if room in (None, show[2])]
    if len(shows) != 1:
        return None
    try:
        answer = ask(*shows[0], verb, argument)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        return _told(error)
    try:
        os.write(_OUT, f"{in_a_line(answer['state'])}\n".encode())
    except OSError as error:
        from micstream.cli.streams import tell

        return tell(error)
    return 0


def ask(url: str, key: str, room: str, verb: str, argument: "str | None") -> "dict[str, Any]":
    """Have the show at this address do it, or tell its `status`; its answer.

    Raises:
        ConnectionFailed: it does not answer.
        UsageError: it refused.
    """
    body = json.dumps(argument).encode()
    what = "GET /api/state" if verb == "status" else f"POST /api/{verb}"
    host, _, port = url.rpartition("/")[2].rpartition(":")
    head = (
        f"{what} HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {key}\r\n"
        f"User-Agent: micstream-ctl\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    got = b""
    try:
        with socket.create_connection((host, int(port)), timeout=_TIMEOUT_S) as line:
            line.sendall(head.encode() + body)
            while len(got) < _ANSWER_BYTES and (part := line.recv(65_536)):
                got += part
        answer: dict[str, Any] = json.loads(got.partition(b"\r\n\r\n")[2])
        fine = answer["ok"]
        _ = in_a_line(answer["state"]) if fine else (answer["message"], answer["code"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        from micstream.errors import ConnectionFailed

        raise ConnectionFailed(
            f"the show in the room {room!r} does not answer",
            hint="is it still running? micstream ctl status",
            code="nothing_to_control",
        ) from error
    if not fine:
        from micstream.errors import UsageError

        raise UsageError(answer["message"], hint=answer.get("hint", ""), code=answer["code"])
    return answer


def in_a_line(state: "dict[str, Any]") -> str:
    """What a show is at, after a press."""
    gate = "muted" if state["muted"] else f"gate {state['gate']}"
    cue = state["cue"]
    playing = f", cue {cue['name']}" if cue else ""
    return f"{gate}{playing}"


def _shows() -> "list[tuple[str, str, str]]":
    """URL, key and room of what `show.key_file` announces: a look without its parts."""
    found = []
    try:
        with os.scandir(folder()) as entries:
            for entry in entries:
                if not entry.name.endswith(".json"):
                    continue
                with open(entry.path, encoding="utf-8") as file:  # noqa: PTH123 - that takes 10 ms
                    show = json.load(file)
                os.kill(show["pid"], 0)
                found.append((show["url"], show["key"], show["room"]))
    except (OSError, ValueError, LookupError, TypeError):
        return []  # one that is gone, or is not what it should be: the whole command looks
    return found


def folder() -> str:
    """Folder of `show.key_file`, on Linux."""
    state = os.environ.get("XDG_STATE_HOME", "")
    if not state.startswith("/"):
        state = f"{os.environ.get('HOME', '')}/.local/state"
    return f"{state}/micstream/control"


def _told(error: Exception) -> int:
    from micstream.cli.fail import fail
    from micstream.errors import MicstreamError

    if not isinstance(error, MicstreamError):
        raise error
    return fail(error, json=False)
