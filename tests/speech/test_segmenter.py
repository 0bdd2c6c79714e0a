"""Segmentation as strings: decisions above, what was found below. See tests/support/marks.py."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micstream.speech.events import End, EndReason, Onset
from micstream.speech.segmenter import Segmenter, SegmenterOptions, Span
from tests.support.marks import FRAME, begin, end, marks, options

SILENCE, MAX_LENGTH = EndReason.SILENCE, EndReason.MAX_LENGTH
MUTE, INTERRUPT = EndReason.MUTE, EndReason.INTERRUPT


class TestOnset:
    def test_k_of_the_last_n_frames_begin_an_utterance(self) -> None:
        # ------------- 0    5    10   15   20
        found = marks("....#.##.####.......")
        assert found.utterances == "..aaAaaaaaaaaaaaaa.."
        assert found.decided == "       ^         $  "
        assert found.reasons == [SILENCE]

    def test_fewer_than_k_do_not(self) -> None:
        # ------------- 0    5    10   15   20
        found = marks("..##....##....#.#...")
        assert found.utterances == "...................."

    def test_k_but_not_within_n_do_not(self) -> None:
        # ------------- 0    5    10   15
        found = marks("#..#..#..#..#..#")
        assert found.utterances == "................"

    def test_one_frame_suffices_where_one_is_asked_for(self) -> None:
        # ------------- 0    5    10
        found = marks("...#........", options(onset=1, onset_window=1, pre_roll=0))
        assert found.utterances == "...Aaaaaa..."
        assert found.decided == "   ^    $   "

    def test_speech_from_the_very_first_frame(self) -> None:
        # ------------- 0    5    10
        found = marks("####........")
        assert found.utterances == "Aaaaaaaaa..."
        assert found.decided == "  ^     $   "

    def test_what_the_onset_says(self) -> None:
        onset = next(m for m in marks("......#.##").all if isinstance(m, Onset))
        assert (onset.start, onset.onset, onset.decided) == (
            4 * FRAME,
            6 * FRAME,
            9 * FRAME + FRAME,
        )


class TestPreRoll:
    @pytest.mark.parametrize(
        ("frames", "utterances"),
        [
            # 0    5    10   15
            (0, "......Aaaaaaaaa.."),
            (1, ".....aAaaaaaaaa.."),
            (4, "..aaaaAaaaaaaaa.."),
            (9, "aaaaaaAaaaaaaaa.."),
        ],
    )
    def test_reaches_back(self, frames: int, utterances: str) -> None:
        found = marks("......####.......", options(pre_roll=frames))
        assert found.utterances == utterances

    def test_never_reaches_into_the_utterance_before(self) -> None:
        # ------------- 0    5    10   15   20   25
        found = marks("..###......###............", options(pre_roll=6))
        assert found.utterances == "aaAaaaaaaabBbbbbbbb......."
        assert found.reasons == [SILENCE, SILENCE]

    def test_never_reaches_behind_an_end_from_without(self) -> None:
        # ------------- 0    5    10   15   20
        found = marks("..#########..###........", options(pre_roll=6), steps={8: end(MUTE)})
        assert found.utterances == "aaAaaaaaBbbbbbbbbbbbb..."
        # also where nothing was being said:
        found = marks(".............###........", options(pre_roll=6), steps={11: end(MUTE)})
        assert found.utterances == "...........aaAaaaaaaa..."


class TestHangover:
    def test_a_pause_shorter_than_it_is_bridged(self) -> None:
        # ------------- 0    5    10   15   20
        found = marks("..####....####......")
        assert found.utterances == "aaAaaaaaaaaaaaaaaaa."
        assert found.decided == "    ^             $ "

    def test_a_pause_as_long_as_it_divides(self) -> None:
        # ------------- 0    5    10   15   20
        found = marks("..####.....####.....")
        assert found.utterances == "aaAaaaaaaaaBbbbbbbbb"
        assert found.decided == "    ^     $  ^     $"

    def test_a_click_does_not_hold_it_open(self) -> None:
        # Of ten frames one may be voiced.
        # ------------- 0    5    10   15   20
        found = marks("..####......#......", options(hangover=10))
        assert found.utterances == "aaAaaaaaaaaaaaaa..."
        assert found.decided == "    ^          $   "

    def test_two_clicks_do(self) -> None:
        # ------------- 0    5    10   15   20
        found = marks("..####...#..#......", options(hangover=10))
        assert found.utterances == "aaAaaaaaaaaaaaaaaaa"
        assert found.reasons == []

    def test_a_short_one_tolerates_nothing(self) -> None:
        # ------------- 0    5    10   15   20
        found = marks("..####....#........", options(hangover=5))
        assert found.utterances == "aaAaaaaaaaaaaaaa..."

    def test_what_the_end_says(self) -> None:
        # 3 + 2 voiced frames, the last of them frame 8; 10 hangover, 2 of it kept as tail.
        (found,) = marks("..###..##.............", options(hangover=10, tail=2, min_speech=5)).ends
        # One voiced frame in ten is tolerated, so nine frames behind the last suffice.
        assert found.end == found.decided == 18 * FRAME
        assert found.speech_end == (9 + 2) * FRAME
        assert found.voiced == 5 * FRAME
        assert found.enough

    def test_the_tail_ends_with_the_utterance(self) -> None:
        (found,) = marks("..###............", options(hangover=5, tail=9)).ends
        assert found.speech_end == found.end

    @pytest.mark.parametrize(("least", "enough"), [(3, True), (4, False)])
    def test_too_little_voice_is_a_false_alarm(self, least: int, enough: bool) -> None:
        (found,) = marks("..###.........", options(min_speech=least)).ends
        assert found.enough is enough

    def test_voice_of_the_utterance_before_counts_for_that_one_alone(self) -> None:
        # A long hangover tolerates voice at its very end; the same frames begin the next.
        decisions = "###" + "." * 26 + "###." + "." * 40
        first, second = marks(decisions, options(hangover=30, min_speech=1)).ends
        assert first.voiced == 6 * FRAME
        assert first.end == 33 * FRAME
        assert second.voiced == 0


class TestMaxLength:
    def test_is_cut_at_the_quietest_place_near_the_limit(self) -> None:
        # At most 20 frames, the place for the cut among the last 6.
        # ------------- 0    5    10   15   20   25   30
        decisions = "################################"
        levels = "98989898565758999299999999999999"
        found = marks(decisions, options(max_length=20, search=6, pre_roll=0), levels=levels)
        assert found.utterances == "AaaaaaaaaaaaaaaaaaBbbbbbbbbbbbbb"
        assert found.decided == "  ^              X              "
        assert found.reasons == [MAX_LENGTH]

    def test_quiet_places_before_the_search_are_passed_by(self) -> None:
        # ------------- 0    5    10   15   20   25
        decisions = "##########################"
        levels = "98989898161115999299999999"
        found = marks(decisions, options(max_length=20, search=6, pre_roll=0), levels=levels)
        assert found.utterances == "AaaaaaaaaaaaaaaaaaBbbbbbbb"

    def test_the_limit_holds_where_no_place_is_quiet(self) -> None:
        # Ever louder: each frame is the loudest so far.
        decisions = "#" * 24
        levels = "000001111222233445567899"
        opts = options(max_length=20, search=6, pre_roll=0)
        found = marks(decisions, opts, levels=levels)
        assert found.utterances == "A" + "a" * 19 + "Bbbb"

    @pytest.mark.parametrize(
        ("decisions", "levels", "expected"),
        [
            # Early in the search a rest of some frames is taken, a short dip is not ...
            ("#" * 100, "97" * 20 + "00" + "97" * 29, 41),
            # ... near the limit the next best dip is.
            ("#" * 100, "97" * 50, 71),
            # What the detector takes for no speech is a rest however loud.
            ("#" * 50 + ".." + "#" * 48, "97" * 50, 50),
        ],
    )
    def test_one_rests_the_longer_the_more_time_is_left(
        self, decisions: str, levels: str, expected: int
    ) -> None:
        found = marks(decisions, options(max_length=100, search=80, pre_roll=0), levels=levels)
        assert found.decided.index("X") == expected

    def test_what_follows_is_contiguous(self) -> None:
        found = marks("#" * 90, options(max_length=20, search=5, pre_roll=4))
        assert "." not in found.utterances
        spans = [mark for mark in found.all if isinstance(mark, Span)]
        assert all(a.end == b.start for a, b in pairwise(spans))
        ends = [mark.end for mark in found.ends]
        starts = [mark.start for mark in found.all if isinstance(mark, Onset)]
        assert starts[1:] == ends

    def test_silence_after_the_cut_ends_what_follows_in_time(self) -> None:
        # The hangover goes on counting across the cut.
        # ------------- 0    5    10   15   20   25
        decisions = "##################........"
        opts = options(max_length=20, search=1, hangover=5, pre_roll=0)
        found = marks(decisions, opts, levels="9" * 18 + "0" * 8)
        assert found.reasons[0] is MAX_LENGTH
        assert found.reasons[1] is SILENCE
        assert found.decided.rstrip()[-1] == "$"
        assert len(found.decided.rstrip()) == 18 + 5

    def test_the_rest_of_a_cut_utterance_is_no_false_alarm(self) -> None:
        decisions = "#" * 22 + "." * 10
        opts = options(max_length=20, search=1, min_speech=10, pre_roll=0)
        rest = marks(decisions, opts, levels="9" * 32).ends[-1]
        assert rest.voiced < 10 * FRAME
        assert rest.enough

    def test_but_silence_is_not_enough_after_a_cut_either(self) -> None:
        opts = options(max_length=20, search=1, pre_roll=0)
        rest = marks("#" * 20 + "." * 10, opts, levels="9" * 30).ends[-1]
        assert rest.voiced == 0
        assert not rest.enough

    def test_a_speech_of_many_minutes_comes_through_whole(self) -> None:
        segmenter = Segmenter(SegmenterOptions(), FRAME)
        noise = random.Random(7)
        at, utterances, start = 0, 0, 0
        for _ in range(20 * 60 * 50):
            for mark in segmenter.push(True, noise.gauss(-30, 6)):
                if isinstance(mark, Span):
                    assert mark.start == at
                    at = mark.end
                elif isinstance(mark, Onset):
                    assert mark.start == at
                    start = mark.start
                else:
                    utterances += 1
                    assert mark.reason is MAX_LENGTH
                    assert 20 * 16_000 < mark.end - start <= 30 * 16_000
        assert at == 20 * 60 * 16_000
        assert 40 <= utterances <= 60

    @given(
        # Mostly voiced, so that the limit is reached.
        voiced=st.lists(st.integers(0, 9).map(lambda n: n > 1), min_size=60, max_size=200),
        seed=st.integers(0, 1000),
        limit=st.integers(12, 40),
        search=st.integers(1, 45),
    )
    def test_levels_count_only_where_they_are_asked_for(
        self, voiced: list[bool], seed: int, limit: int, search: int
    ) -> None:
        opts = options(max_length=limit, search=search)
        told, spared = Segmenter(opts, FRAME), Segmenter(opts, FRAME)
        noise = random.Random(seed)
        for decision in voiced:
            level = noise.gauss(-30, 6)
            known = level if spared.wants_level else -1000.0
            assert told.push(decision, level) == spared.push(decision, known)


class TestFromWithout:
    def test_begin_opens_whatever_the_detector_says(self) -> None:
        # ------------- 0    5    10   15
        found = marks("................", steps={6: begin})
        assert found.utterances == "....aaAaaaa....."
        assert found.reasons == [SILENCE]

    def test_begin_within_an_utterance_does_nothing(self) -> None:
        alone = marks("..######........")
        assert marks("..######........", steps={6: begin}) == alone

    def test_end_closes_what_is_open(self) -> None:
        # ------------- 0    5    10   15
        found = marks("..#######.......", steps={7: end(MUTE)})
        assert found.utterances == "aaAaaaa........."
        assert found.reasons == [MUTE]
        assert found.ends[0].end == found.ends[0].decided == 7 * FRAME

    def test_end_forgets_half_an_onset(self) -> None:
        # ------------- 0    5    10   15
        found = marks("....##.##.......", steps={6: end(MUTE)})
        assert found.utterances == "................"

    def test_samples_that_fill_no_frame_belong_to_it(self) -> None:
        segmenter = Segmenter(options(), FRAME)
        for _ in range(5):
            segmenter.push(True)
        span, last = segmenter.end(EndReason.SOURCE_ENDED, rest=100)
        assert span == Span(5 * FRAME, 5 * FRAME + 100)
        assert isinstance(last, End)
        assert last.end == 5 * FRAME + 100

    @pytest.mark.parametrize("reason", list(EndReason))
    def test_end_where_nothing_is_open_says_nothing(self, reason: EndReason) -> None:
        assert Segmenter(options(), FRAME).end(reason) == []


class TestHold:
    """After an interruption: 200 ms unvoiced, 10 frames, or 3 s, 150 frames."""

    def test_who_goes_on_speaking_is_not_sent(self) -> None:
        # ------------- 0    5    10   15   20   25   30   35
        found = marks("..####################.........#########", steps={6: end(INTERRUPT)})
        assert found.utterances == "aaAaaa.................................."
        assert found.reasons == [INTERRUPT]

    def test_after_ten_quiet_frames_the_next_onset_counts(self) -> None:
        # ------------- 0    5    10   15   20   25   30   35
        found = marks("..########..........####......", steps={6: end(INTERRUPT)})
        assert found.utterances == "aaAaaa..............Bbbbbbbbb."
        assert found.reasons == [INTERRUPT, SILENCE]

    def test_quiet_frames_count_in_one_piece(self) -> None:
        # ------------- 0    5    10   15   20   25   30   35
        found = marks("..######.........#.........####", steps={6: end(INTERRUPT)})
        assert found.utterances == "aaAaaa" + "." * 25

    def test_the_pre_roll_does_not_reach_into_the_hold(self) -> None:
        # ------------- 0    5    10   15   20   25   30   35
        found = marks("..####.............###....", options(pre_roll=9), steps={6: end(INTERRUPT)})
        assert found.utterances == "aaAaaa..........bbbBbbbbbb"

    def test_noise_holds_for_three_seconds_at_most(self) -> None:
        found = marks("#" * 170, steps={6: end(INTERRUPT)})
        assert found.utterances == "Aaaaaa" + "." * 150 + "B" + "b" * 13

    def test_it_holds_where_nothing_was_open(self) -> None:
        found = marks("......####......", steps={4: end(INTERRUPT)})
        assert found.utterances == "................"

    def test_a_second_interruption_holds_anew(self) -> None:
        found = marks("#" * 170, steps={6: end(INTERRUPT), 100: end(INTERRUPT)})
        assert found.utterances == "Aaaaaa" + "." * 164

    def test_other_ends_do_not_hold(self) -> None:
        found = marks("#" * 20, steps={6: end(MUTE)})
        assert found.utterances == "AaaaaaB" + "b" * 13

    def test_begin_is_not_held(self) -> None:
        found = marks("#" * 20, steps={6: end(INTERRUPT), 10: begin})
        assert found.utterances == "Aaaaaa....B" + "b" * 9


@pytest.mark.parametrize("frame", [160, 320, 480, 512])
@pytest.mark.parametrize(
    "opts",
    [
        SegmenterOptions(),
        SegmenterOptions(onset_ms=60, onset_window_ms=100, pre_roll_ms=60, hangover_ms=500),
    ],
)
def test_options_are_milliseconds_whatever_the_frame(frame: int, opts: SegmenterOptions) -> None:
    segmenter = Segmenter(opts, frame)
    decided: list[Onset] = []
    ended: list[End] = []
    for at in range(0, 5 * 16_000, frame):
        for mark in segmenter.push(16_000 <= at < 32_000):
            decided += [mark] if isinstance(mark, Onset) else []
            ended += [mark] if isinstance(mark, End) else []
    (onset,), (end,) = decided, ended
    assert onset.decided - onset.onset == pytest.approx(opts.onset_ms * 16, abs=frame / 2)
    assert onset.onset - onset.start == pytest.approx(opts.pre_roll_ms * 16, abs=frame / 2)
    hangover = opts.hangover_ms * 16
    assert 0.9 * hangover - 1.5 * frame <= end.end - 32_000 <= hangover + frame
