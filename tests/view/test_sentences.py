"""What was said is one line, however many avatars say it; what went wrong with it is told."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from micstream import events
from micstream.events import Event
from micstream.speech.events import EndReason
from micstream.view.sentences import ENDS, Sentences

ANNA, BEN = "avatar-anna", "avatar-ben"


def started(id: str, avatar: str = ANNA, onset_s: float = 1.0) -> Event:
    return events.UtteranceStarted(
        avatar=avatar, id=id, onset_s=onset_s, decided_s=onset_s, lead_ms=100
    )


def ended(id: str, avatar: str = ANNA, reason: EndReason = EndReason.SILENCE) -> Event:
    return events.UtteranceEnded(avatar=avatar, id=id, duration_s=3.14, bytes=1, reason=reason)


def speaks(id: str, avatar: str = ANNA, delay_ms: int = 183) -> Event:
    return events.PlaybackStarted(avatar=avatar, id=id, delay_ms=delay_ms)


def finished(id: str, avatar: str = ANNA, *, cut: bool = False, gaps: int = 0) -> Event:
    return events.PlaybackFinished(
        avatar=avatar, id=id, position_s=1.2, interrupted=cut, stutter_ms=gaps
    )


def told(*happened: Event) -> list[str]:
    sentences = Sentences()
    return [line.strip() for event in happened for line in sentences.push(event)]


def test_one_sentence_is_one_line() -> None:
    assert told(started("u1"), speaks("u1"), ended("u1"), finished("u1")) == [
        "u1  3.1 s sent; the avatar speaks 183 ms behind you"
    ]


def test_said_by_two_at_once_it_is_still_one_line() -> None:
    assert told(
        *(started("u1"), started("u2", BEN), speaks("u1"), ended("u1"), ended("u2", BEN)),
        *(speaks("u2", BEN, 190), finished("u1"), finished("u2", BEN)),
    ) == ["u1 u2  3.1 s sent; behind you: avatar-anna 183 ms"]


def test_each_is_told_of_that_reports_where_it_has_reported_before() -> None:
    said = told(
        *(started("u1"), started("u2", BEN), speaks("u1"), speaks("u2", BEN)),
        *(ended("u1"), ended("u2", BEN)),
    )
    assert said == ["u1 u2  3.1 s sent; behind you: avatar-anna 183 ms, avatar-ben 183 ms"]


def test_one_that_never_reports_is_not_waited_for() -> None:
    assert told(started("u1"), ended("u1")) == ["u1  3.1 s sent"]


def test_a_report_that_comes_after_the_end_is_waited_for() -> None:
    """As in --mode utterance, where all is sent before anything plays."""
    first = (started("u1"), ended("u1"), speaks("u1"), finished("u1"))
    assert told(*first, started("u2"), ended("u2"))[1:] == []
    assert told(*first, started("u2"), ended("u2"), speaks("u2"))[1:] == [
        "u2  3.1 s sent; the avatar speaks 183 ms behind you"
    ]


def test_one_that_does_not_come_holds_nothing_up() -> None:
    first = (started("u1"), speaks("u1"), ended("u1"))
    waiting = (*first, started("u2"), ended("u2"))
    for next_one in (
        started("u3", onset_s=9.0),
        finished("u2"),
        events.AvatarLeft(identity=ANNA),
        events.AvatarSilent(identity=ANNA),
        events.Connection(state="lost", attempt=0),
    ):
        assert told(*waiting, next_one)[1:] == ["u2  3.1 s sent"]


def test_why_it_ended_is_told_in_words() -> None:
    assert told(started("u1"), ended("u1", reason=EndReason.SOURCE_ENDED)) == [
        "u1  3.1 s sent: end of file"
    ]
    assert set(ENDS) == set(EndReason)


def test_what_goes_wrong_with_it_later_is_a_line_of_its_own() -> None:
    whole = (started("u1"), speaks("u1"), ended("u1"))
    assert told(*whole, finished("u1", cut=True))[1:] == ["u1  cut off after 1.2 s"]
    assert told(*whole, finished("u1", gaps=85))[1:] == ["u1  gaps in playback: 85 ms"]


happened = st.lists(
    st.builds(
        lambda kind, number, avatar, onset: {
            "started": started(f"u{number}", avatar, onset),
            "ended": ended(f"u{number}", avatar),
            "speaks": speaks(f"u{number}", avatar),
            "finished": finished(f"u{number}", avatar),
            "left": events.AvatarLeft(identity=avatar),
            "lost": events.Connection(state="lost", attempt=0),
        }[kind],
        st.sampled_from(["started", "ended", "speaks", "finished", "left", "lost"]),
        st.integers(1, 4),
        st.sampled_from([ANNA, BEN]),
        st.sampled_from([1.0, 2.0]),
    ),
    max_size=40,
)


@given(happened)
def test_nothing_that_was_sent_is_left_untold_and_nothing_is_told_of_twice(
    record: list[Event],
) -> None:
    """However events come: each end is in one line by the summary, and none waits for ever."""
    sentences = Sentences()
    kept, seen = [], set()
    for event in record:
        key = (event.EVENT, getattr(event, "avatar", ""), getattr(event, "id", ""))
        if event.EVENT.startswith("utterance") and key in seen:
            continue  # ids are given once
        seen.add(key)
        kept.append(event)
    bye = events.Bye(
        utterances=0, seconds=0, dropped=0, delay_median_ms=None, delay_p95_ms=None, faults=0
    )
    lines = [line for event in [*kept, bye] for line in sentences.push(event)]
    sent = [line for line in lines if "sent" in line]
    ends = [event for event in kept if isinstance(event, events.UtteranceEnded)]
    begun = [event for event in kept if isinstance(event, events.UtteranceStarted)]
    whole = {(e.avatar, e.id) for e in ends} & {(b.avatar, b.id) for b in begun}
    assert sum(line.split("  3.1")[0].split().__len__() for line in sent) >= len(whole) // 2
    assert len(sent) <= len(ends)
