"""Who can be meant by what, and what is told of the others."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from micstream.link.people import Person, candidates, free_for, matches
from micstream.link.warnings import RoomWarnings, closes_unwatched_after

IDENTITIES = st.sampled_from(["avatar-a", "avatar-b", "avatar-c", "b", "viewer", ""])
PATTERNS = st.lists(
    st.sampled_from(["avatar-*", "avatar-a", "avatar-b", "*", "b"]), min_size=1, max_size=4
)
PEOPLE = st.lists(
    st.builds(
        Person,
        identity=IDENTITIES,
        sid=st.just("PA"),
        joined_at=st.one_of(st.none(), st.floats(0, 10)),
        is_agent=st.booleans(),
    ),
    unique_by=lambda person: person.identity,
)


@given(PEOPLE, PATTERNS, st.data())
def test_nobody_stands_for_two_and_whom_one_names_no_other_takes(
    people: list[Person], patterns: list[str], data: st.DataObject
) -> None:
    some = data.draw(st.permutations([person.identity for person in people]))
    nobody = [None] * len(patterns)
    taken = data.draw(st.permutations([*some, *nobody]))[: len(patterns)]
    for at, pattern in enumerate(patterns):
        share = free_for(at, people, patterns, taken)
        for person in share:
            assert matches([pattern], person.identity)
            for other in range(len(patterns)):
                if other != at:
                    assert person.identity not in (taken[other], patterns[other])
        if share and taken[at] is None:
            taken[at] = share[0].identity
    standing = [identity for identity in taken if identity is not None]
    assert len(set(standing)) == len(standing)


@given(PEOPLE, PATTERNS)
def test_only_agents_are_avatars_and_the_first_to_have_joined_is_first(
    people: list[Person], patterns: list[str]
) -> None:
    found = candidates(people, patterns)
    assert {p.identity for p in found} == {
        p.identity for p in people if p.is_agent and matches(patterns, p.identity)
    }
    ranks = [(p.joined_at is None, p.joined_at or 0.0) for p in found]
    assert ranks == sorted(ranks)


def test_each_second_sender_is_told_once() -> None:
    warnings = RoomWarnings(("avatar-*",))
    sender = Person("someone", "PA_1")
    assert [each.code for each in warnings.joined(sender)] == ["second_sender"]
    assert warnings.joined(sender) == []
    for other in (
        Person("my-Avatar-7", "PA_2"),
        Person("viewer", "PA_3", is_agent=False),
        Person("vendor", "PA_4", for_another=True),
        Person("vendor", "PA_5", has_tracks=True),
    ):
        assert warnings.joined(other) == []
    assert [each.code for each in warnings.joined(Person("another", "PA_6"))] == ["second_sender"]


def test_a_viewer_of_an_avatars_name_is_told_once() -> None:
    warnings = RoomWarnings(("avatar-*", "ben"))
    for namesake in ("avatar-x", "ben"):
        person = Person(namesake, "PA_1", is_agent=False)
        assert [each.code for each in warnings.joined(person)] == ["namesake"]
        assert warnings.joined(person) == []
    assert warnings.joined(Person("stage-1", "PA_2", is_agent=False)) == []
    assert RoomWarnings(("*",)).joined(Person("stage-1", "PA_2", is_agent=False)) == []


def test_a_room_without_a_viewer_is_warned_of_where_the_server_closes_it_soon() -> None:
    avatar, viewer = Person("avatar-a", "PA_1"), Person("viewer", "PA_2", is_agent=False)
    assert closes_unwatched_after([avatar], 300) == 300
    assert closes_unwatched_after([], 300) == 300
    assert closes_unwatched_after([avatar, viewer], 300) is None
    assert closes_unwatched_after([avatar], 0) is None
    assert closes_unwatched_after([avatar], 24 * 3600) is None
    (warning,) = RoomWarnings(("avatar-*",)).unwatched([avatar], 300)
    assert warning.code == "no_viewer"
    assert "within 300 s" in warning.message


def test_one_that_speaks_for_us_comes_before_all_others() -> None:
    """Two performers, each with an avatar of their own: the first to have joined is the other's."""
    theirs = Person("avatar-a", "PA_1", joined_at=1.0, for_another=True, for_us=False)
    nobodys = Person("avatar-b", "PA_2", joined_at=2.0)
    ours = Person("avatar-c", "PA_3", joined_at=3.0, for_another=True, for_us=True)
    found = candidates([theirs, nobodys, ours], ["avatar-*"])
    assert [person.identity for person in found] == ["avatar-c", "avatar-b", "avatar-a"]
