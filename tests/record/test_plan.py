"""What a replay does when: all of it, in its order, and as far apart as it was."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from micstream.record.format import Piece
from micstream.record.plan import plan

WRITES = st.lists(
    st.lists(st.tuples(st.floats(0.0, 2.0), st.integers(1, 4_000)), min_size=1, max_size=6),
    min_size=1,
    max_size=6,
)


def sent(writes: list[list[tuple[float, int]]], avatar: str = "avatar-a") -> list[Piece]:
    """Utterances one after the other: of each write the pause before it, and its samples."""
    pieces, at = [], 3.0
    for number, own in enumerate(writes, 1):
        first = 0
        for pause, count in own:
            at += pause
            file = f"utterances/{avatar[-1]}{number:04}.wav"
            pieces.append(Piece("sent", file, avatar, 16_000, at, first, count, f"u{number}"))
            first += count
    return pieces


@given(WRITES)
def test_each_write_is_as_long_after_the_first_as_it_was(
    writes: list[list[tuple[float, int]]],
) -> None:
    pieces = sent(writes)
    (part,) = plan(reversed(pieces), ()).parts
    performed = [write for each in part.utterances for write in each.writes]
    assert [piece for _, piece in performed] == pieces
    assert [at for at, _ in performed] == [piece.at - pieces[0].at for piece in pieces]
    assert [each.utterance for each in part.utterances] == [f"u{n + 1}" for n in range(len(writes))]


def test_several_avatars_keep_one_time_and_the_order_in_which_they_came() -> None:
    first, second = sent([[(0.0, 100)]], "avatar-b"), sent([[(1.0, 100)]], "avatar-a")
    planned = plan([*second, *first], [{"event": "interrupted", "at": at} for at in (1.0, 5.0)])
    assert [part.avatar for part in planned.parts] == ["avatar-b", "avatar-a"]
    assert [part.utterances[0].begins for part in planned.parts] == [0.0, 1.0]
    assert planned.interrupts == (2.0,)
    assert planned.seconds == 1.0 + 100 / 16_000


def test_who_came_in_anothers_place_goes_on_with_his_part() -> None:
    first, second = sent([[(0.0, 100)]], "avatar-a"), sent([[(1.0, 100)]], "avatar-b")
    (part,) = plan([*second, *first], (), ("avatar-*",)).parts
    assert (part.avatar, [each.begins for each in part.utterances]) == ("avatar-*", [0.0, 1.0])
    two = plan([*second, *first], (), ("avatar-*", "avatar-b")).parts
    assert [part.avatar for part in two] == ["avatar-*", "avatar-b"]


def test_an_interrupt_of_what_was_over_long_before_is_not_waited_for() -> None:
    told = [{"event": "interrupted", "at": at} for at in (5.0, 3_000.0)]
    assert plan(sent([[(0.0, 16_000)]]), told).interrupts == (2.0,)


def test_where_nothing_was_sent_there_is_nothing_to_do() -> None:
    heard = Piece("microphone", "microphone-1.wav", "mic", 16_000, 0.0, 0, 100)
    assert plan([heard], ()).parts == ()
    assert plan([], ()).seconds == 0.0
