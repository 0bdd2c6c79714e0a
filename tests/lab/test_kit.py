"""The lab's kit: what is bundled is as its labels say; own files and their labels; choosing."""

from __future__ import annotations

import json
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from micstream.errors import InputError, UsageError
from micstream.lab.kit import Item, Label, chosen, load_kit, own_items
from micstream.sources.files import FileSource
from tools import kit_sounds, lipsync_kit
from tools.kit_closures import Sound, labels_of
from tools.kit_voice import Mark, NoSynthesiser, Spoken, Voice

KIT = load_kit()
RATE = 16_000
SPOKEN = [item for item in KIT if item.what in ("speech", "closures")]
NAMES = [
    *("clicks", "papapa-1", "papapa-2", "papapa-3", "papapa-4", "burst"),
    *("bilabials", "labiodentals", "rounded", "sibilants"),
    *("harvard-1", "harvard-2", "harvard-3", "harvard-4", "german-1"),
    *("silence", "room-tone", "music", "typing", "cough"),
]

AH = "\u0251\u02d0"
"""The vowel of pa: escaped here, as its signs look like others."""

Samples = NDArray[np.float64]


def sound_of(item: Item) -> Samples:
    samples, rate = soundfile.read(item.file, dtype="float64")
    assert rate == RATE
    return np.asarray(samples)


def dbfs(samples: Samples) -> float:
    return 10 * float(np.log10(max(float(np.square(samples).mean()), 1e-12)))


def part(sound: Samples, begin_s: float, end_s: float) -> Samples:
    return sound[round(begin_s * RATE) : round(end_s * RATE)]


def frames(sound: Samples, ms: int) -> NDArray[np.float64]:
    """Levels in dBFS, block by block."""
    size = RATE * ms // 1000
    power = np.square(sound[: len(sound) // size * size].reshape(-1, size)).mean(axis=1)
    return np.asarray(10 * np.log10(np.maximum(power, 1e-12)))


class TestBundled:
    def test_it_has_all_that_it_should_and_stays_small(self) -> None:
        assert [item.name for item in KIT] == NAMES
        assert sum(item.seconds for item in KIT) < 200
        files = {item.file for item in KIT}
        folder = KIT[0].file.parent
        assert files == set(folder.glob("*.flac"))
        assert sum(file.stat().st_size for file in folder.iterdir()) < 3_000_000

    @pytest.mark.parametrize("item", KIT, ids=lambda item: item.name)
    def test_a_file_is_as_long_as_told_and_its_labels_lie_within_in_order(self, item: Item) -> None:
        source = FileSource(item.file)
        assert (source.format.rate, source.format.channels) == (RATE, 1)
        assert soundfile.info(item.file).subtype == "PCM_16"
        assert item.seconds == pytest.approx(source.duration_s, abs=0.001)
        for label in item.labels:
            assert 0 <= label.begin_s < label.end_s <= item.seconds
            assert label.sound
        for one, after in pairwise(item.labels):
            assert one.end_s <= after.begin_s + 0.0015, (one, after)
        assert np.abs(sound_of(item)).max() < 10 ** (-1 / 20)

    @pytest.mark.parametrize("item", SPOKEN, ids=lambda item: item.name)
    def test_speech_is_in_silence_at_a_sane_level_and_says_what_it_says(self, item: Item) -> None:
        sound = sound_of(item)
        lead_s = 2.0 if item.name == "burst" else 0.5
        assert not part(sound, 0, lead_s).any()
        assert not sound[-round(0.7 * RATE) :].any()
        assert part(sound, lead_s, lead_s + 0.15).any()
        assert part(sound, item.seconds - 0.8, item.seconds).any()
        levels = frames(sound, 20)
        loud = levels[levels > levels.max() - 30]
        assert 10 * np.log10((10 ** (loud / 10)).mean()) == pytest.approx(-20, abs=1.5)
        assert item.says
        assert item.language
        # What is labelled is where the sound is: hardly any of its power lies elsewhere.
        outside = sound.copy()
        for label in item.labels:
            outside[round(label.begin_s * RATE) : round(label.end_s * RATE)] = 0
        assert np.square(outside).sum() < 0.02 * np.square(sound).sum()

    @pytest.mark.parametrize("item", SPOKEN, ids=lambda item: item.name)
    def test_the_level_dips_where_the_lips_are_shut_for_a_p(self, item: Item) -> None:
        sound = sound_of(item)
        dips = [
            (label, dbfs(part(sound, label.begin_s, label.end_s)))
            for label in item.labels
            if label.sound == "p"
        ]
        for label, level in dips:
            assert 0.02 < label.end_s - label.begin_s < 0.16, label
            assert level < -35, label
            burst = dbfs(part(sound, label.end_s, label.end_s + 0.01))
            assert dbfs(part(sound, label.end_s - 0.012, label.end_s - 0.004)) < burst - 3, label

    @pytest.mark.parametrize("name", [f"papapa-{rate}" for rate in (1, 2, 3, 4)])
    def test_each_pa_bursts_on_time(self, name: str) -> None:
        (item,) = chosen(KIT, [name])
        sound, rate = sound_of(item), int(name[-1])
        shut = [label for label in item.labels if label.closes]
        assert len(shut) == 5 * rate
        for index, label in enumerate(shut):
            assert label.end_s == pytest.approx(0.6 + index / rate, abs=0.001)
            before = part(sound, label.begin_s, label.end_s - 0.001)
            after = part(sound, label.end_s, label.end_s + 0.02)
            assert dbfs(before) < -60 < -40 < dbfs(after)

    def test_each_click_is_sharp_and_its_gaps_are_like_no_others(self) -> None:
        (item,) = chosen(KIT, ["clicks"])
        sound = sound_of(item)
        begins = [label.begin_s for label in item.labels]
        assert len(begins) >= 12
        gaps = [round(after - one, 3) for one, after in pairwise(begins)]
        assert len(set(gaps)) == len(gaps)
        assert 0.4 <= min(gaps) < max(gaps) <= 1.2
        heard = sound.copy()
        for label in item.labels:
            at = round(label.begin_s * RATE)
            assert np.abs(sound[at]) == np.abs(sound[at - 80 : at + 160]).max() > 0.4
            heard[at : at + 80] = 0
        assert not heard.any()

    def test_controls_are_no_speech_and_as_loud_as_they_should_be(self) -> None:
        controls = {item.name: sound_of(item) for item in KIT if item.what == "control"}
        assert not controls["silence"].any()
        assert dbfs(controls["room-tone"]) == pytest.approx(-60, abs=0.5)
        for name in ("music", "typing", "cough"):
            levels = frames(controls[name], 20)
            assert levels.max() > -30, name
            assert levels.max() - levels.min() > 20, name
        assert not any(label.closes for name in controls for label in chosen(KIT, [name])[0].labels)

    def test_what_it_is_for_is_in_it(self) -> None:
        def share(name: str, sounds: str) -> float:
            (item,) = chosen(KIT, [name])
            return sum(label.sound[0] in sounds for label in item.labels) / len(item.labels)

        for name, sounds in (
            ("bilabials", "pbm"),
            ("labiodentals", "fv"),
            ("rounded", "uwo\u028a\u0254j"),
            ("sibilants", "sz\u0283\u0292td"),
        ):
            rest = [item.name for item in SPOKEN if item.name.startswith(("harvard", "german"))]
            assert share(name, sounds) > 1.5 * max(share(other, sounds) for other in rest), name

    def test_slow_is_slower_than_fast(self) -> None:
        rate = {
            item.name: len(item.labels) / sum(label.end_s - label.begin_s for label in item.labels)
            for item in chosen(KIT, ["harvard-*"])
        }
        slow, fast = sorted(rate, key=rate.__getitem__)[:2], sorted(rate, key=rate.__getitem__)[2:]
        assert set(slow) == {"harvard-1", "harvard-2"}
        assert min(rate[name] for name in fast) > 1.5 * max(rate[name] for name in slow)


class TestDamaged:
    GOOD: ClassVar[dict[str, Any]] = {
        "name": "a",
        "file": "a.flac",
        "what": "speech",
        "seconds": 1.0,
        "labels": [[0.1, 0.2, "p"]],
    }

    def kit(self, folder: Path, text: str) -> Path:
        soundfile.write(folder / "a.flac", np.zeros(RATE), RATE)
        (folder / "kit.json").write_text(text, "utf-8")
        return folder

    def test_a_whole_one_of_a_folder_is_read(self, tmp_path: Path) -> None:
        text = json.dumps({"schema": 1, "items": [self.GOOD], "more": 1})
        (item,) = load_kit(self.kit(tmp_path, text))
        assert item == Item("a", tmp_path / "a.flac", "speech", 1.0, labels=(Label(0.1, 0.2, "p"),))

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "{",
            "[" * 100_000,
            "1",
            "null",
            '{"schema": 2, "items": []}',
            '{"schema": 1, "items": []}',
            '{"schema": 1, "items": 5}',
            '{"schema": 1, "items": ["x"]}',
            '{"schema": 1, "items": [{}]}',
        ],
    )
    def test_what_is_no_kit_is_told(self, tmp_path: Path, text: str) -> None:
        with pytest.raises(InputError, match=r"kit\.json") as caught:
            load_kit(self.kit(tmp_path, text))
        assert caught.value.code == "bad_kit"
        assert caught.value.hint

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("name", ""),
            ("name", 5),
            ("file", "b.flac"),
            ("file", "./a.flac"),
            ("what", "song"),
            ("seconds", "long"),
            ("seconds", True),
            ("seconds", 10**400),
            ("says", None),
            ("labels", 1),
            ("labels", [[0.1, 0.2]]),
            ("labels", [[0.2, 0.1, "p"]]),
            ("labels", [[0.2, 9, "p"]]),
            ("labels", [[-1, 0.2, "p"]]),
            ("labels", [[float("nan"), 0.2, "p"]]),
            ("labels", [[0.1, 0.2, " "]]),
        ],
    )
    def test_an_item_that_is_wrong_is_named(self, tmp_path: Path, key: str, value: object) -> None:
        text = json.dumps({"schema": 1, "items": [self.GOOD | {key: value}]})
        with pytest.raises(InputError, match="item 1") as caught:
            load_kit(self.kit(tmp_path, text))
        assert caught.value.code == "bad_kit"

    def test_two_of_one_name_and_a_missing_kit_are_told(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="cannot be read") as caught:
            load_kit(tmp_path)
        assert caught.value.code == "asset_missing"
        text = json.dumps({"schema": 1, "items": [self.GOOD, self.GOOD]})
        with pytest.raises(InputError, match="one name"):
            load_kit(self.kit(tmp_path, text))


@pytest.mark.parametrize(
    "sound", ["p", "b", "m", "P", "pʰ", "m\u02d0", "m̩", "\u02c8b", "p_h", "pʲ", "pf"]
)
def test_lips_shut(sound: str) -> None:
    assert Label(0, 1, sound).closes


@pytest.mark.parametrize("sound", ["f", AH, "t", "n", "", "_", "p i", "mama", "click", "ɱ"])
def test_lips_not_shut(sound: str) -> None:
    assert not Label(0, 1, sound).closes


ITEMS = tuple(Item(name, Path(name), "speech", 1.0) for name in ("a-1", "a-2", "b", "c[1]"))


class TestChosen:
    @given(st.lists(st.sampled_from(["a-1", "a-2", "b", "c[1]", "a-*", "*", "?"])))
    def test_each_once_in_their_order_and_more_names_never_less(self, only: list[str]) -> None:
        got = chosen(ITEMS, only)
        assert [item for item in ITEMS if item in got] == list(got)
        assert set(got) >= set(chosen(ITEMS, only[:-1]) if only[1:] else ())
        for want in only:
            assert set(chosen(ITEMS, [want])) <= set(got)

    @given(st.sets(st.sampled_from(ITEMS), min_size=1))
    def test_names_choose_those_alone(self, wanted: set[Item]) -> None:
        assert set(chosen(ITEMS, [item.name for item in wanted])) == wanted

    def test_none_asked_for_is_all(self) -> None:
        assert chosen(ITEMS, ()) == ITEMS

    def test_an_unknown_one_is_told_with_what_there_is(self) -> None:
        with pytest.raises(UsageError, match="'x' or 'y-\\*'") as caught:
            chosen(ITEMS, ["a-1", "x", "y-*"])
        assert caught.value.code == "no_such_item"
        assert caught.value.hint == "there are: a-1, a-2, b, c[1]"


@pytest.fixture
def take(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "take1.wav", np.zeros(RATE * 2, np.int16), RATE)
    return tmp_path / "take1.wav"


class TestOwn:
    def test_without_labels(self, take: Path) -> None:
        assert own_items([take]) == (Item("take1", take, "speech", 2.0),)

    def test_two_of_one_name_are_told_apart(self, take: Path) -> None:
        flac = take.with_suffix(".flac")
        soundfile.write(flac, np.zeros(RATE), RATE)
        assert [item.name for item in own_items([take, flac, take])] == [
            "take1",
            "take1-2",
            "take1-3",
        ]

    @given(
        st.lists(
            st.tuples(st.integers(0, 2000), st.integers(0, 2000), st.sampled_from(["p", AH, "x y"]))
        )
    )
    def test_both_forms_say_the_same(self, raw: list[tuple[int, int, str]]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            self.both_forms(Path(folder), raw)

    def both_forms(self, folder: Path, raw: list[tuple[int, int, str]]) -> None:
        file = folder / "take.wav"
        soundfile.write(file, np.zeros(RATE * 2, np.int16), RATE)
        rows = [(min(one, two) / 1000, max(one, two) / 1000, sound) for one, two, sound in raw]
        (folder / "take.txt").write_text(
            "".join(f"{begin:.6f}\t{end:.6f}\t{sound}\n" for begin, end, sound in rows), "utf-8"
        )
        (one,) = own_items([file])
        (folder / "take.labels.json").write_text(json.dumps(rows), "utf-8")
        (folder / "take.txt").write_text("not read where there is JSON", "utf-8")
        (other,) = own_items([file])
        assert one.labels == other.labels
        assert sorted((x.begin_s, x.end_s) for x in one.labels) == sorted(r[:2] for r in rows)
        assert list(one.labels) == sorted(one.labels, key=lambda x: (x.begin_s, x.end_s))

    def test_what_audacity_writes_beside_times_is_passed_over(self, take: Path) -> None:
        take.with_suffix(".txt").write_bytes(
            b"\xef\xbb\xbf0.100000\t0.200000\tp\r\n\\\t100.0\t900.0\r\n\r\n1.0\t2.03\t\xc9\x91\r\n"
        )
        (item,) = own_items([take])
        assert item.labels == (Label(0.1, 0.2, "p"), Label(1.0, 2.0, "\u0251"))

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("0.1\t0.2\tp\nhello there", "line 2: found 'hello there'; expected"),
            ("0.1\t0.2", "line 1"),
            ("0.1\t0.2\t ", "line 1"),
            ("\n0,1\t0,2\tp", "line 2: found '0,1'; expected seconds"),
            ("0.1\tnan\tp", "line 1: from 0.1 to nan"),
            ("0.3\t0.2\tp", "line 1: from 0.3 to 0.2"),
            ("-1\t0.2\tp", "line 1: from -1"),
            ("1\t5\tp", "line 1: it ends at 5 s; expected at most 2.000 s"),
        ],
    )
    def test_a_bad_line_is_told(self, take: Path, text: str, says: str) -> None:
        take.with_suffix(".txt").write_text(text, "utf-8")
        self.refused(take, says, "take1.txt")

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ('[[0, 1, "p"],\n [', "line 2: no JSON"),
            ("{}", "line 1: found {}; expected"),
            ("[" * 100_000, "line 1"),
            ("[" + "9" * 5000 + "]", "line 1"),
            ("[1]", "label 1: found 1; expected"),
            ('[[0, 1, "p"], [0, 1]]', "label 2: found [0, 1]; expected"),
            ('[["a", 1, "p"]]', "label 1: found 'a'; expected a number"),
            ('[[0, true, "p"]]', "label 1: found True"),
            ('[[0, 1e999, "p"]]', "label 1"),
            ("[[0, 1, 2]]", "label 1"),
            ('[[0, 1, ""]]', "label 1: it has no text"),
            ('[[0, 3, "p"]]', "label 1: it ends at 3 s"),
        ],
    )
    def test_bad_json_is_told(self, take: Path, text: str, says: str) -> None:
        take.with_suffix(".labels.json").write_text(text, "utf-8")
        self.refused(take, says, "take1.labels.json")

    def test_labels_that_are_no_text_are_told(self, take: Path) -> None:
        take.with_suffix(".txt").write_bytes(b"0.1\t0.2\t\xff")
        self.refused(take, "not UTF-8", "take1.txt")

    def test_what_is_no_sound_is_told_as_elsewhere(self, tmp_path: Path) -> None:
        with pytest.raises(InputError) as caught:
            own_items([tmp_path / "none.wav"])
        assert caught.value.code == "no_file"

    def refused(self, take: Path, says: str, names: str) -> None:
        with pytest.raises(InputError) as caught:
            own_items([take])
        assert caught.value.code == "bad_labels"
        assert says in caught.value.message
        assert names in caught.value.message
        assert caught.value.hint


class Hummer:
    """Speaks without espeak-ng: a vowel for each letter, and before each p, b and m nothing."""

    def speak(self, voice: Voice, text: str) -> Spoken:
        pieces, marks, at = [np.zeros(1_600)], [], 0.1
        hum = np.sin(np.arange(1_600) * 0.2) * np.hanning(1_600) * 0.3
        for letter in text.lower():
            if letter in "pbm":
                pieces.append(np.zeros(1_280))
                at += 0.08
            pieces.append(hum)
            marks.append(Mark(round(at, 3), letter if letter.isalpha() else ""))
            at += 0.1
        return Spoken(np.concatenate([*pieces, np.zeros(800)]), (*marks, Mark(round(at, 3), "")))


class TestMaking:
    def test_what_is_made_twice_is_the_same_and_can_be_read(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """But for the shrinking, which takes two seconds an item."""
        monkeypatch.setattr(lipsync_kit, "shrink", lambda _: None)
        for name in ("one", "other"):
            lipsync_kit.write(list(lipsync_kit.made(Hummer())), tmp_path / name)
        for file in (tmp_path / "one").iterdir():
            assert file.read_bytes() == (tmp_path / "other" / file.name).read_bytes()
        assert [item.name for item in load_kit(tmp_path / "one")] == NAMES

    def test_what_is_shrunk_is_smaller_and_sounds_the_same(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shortest = [min(lipsync_kit.made(Hummer()), key=lambda item: item.seconds)]
        lipsync_kit.write(shortest, tmp_path / "shrunk")
        monkeypatch.setattr(lipsync_kit, "shrink", lambda _: None)
        lipsync_kit.write(shortest, tmp_path / "plain")
        (shrunk,), (plain,) = ([*(tmp_path / n).glob("*.flac")] for n in ("shrunk", "plain"))
        assert shrunk.stat().st_size < plain.stat().st_size
        assert np.array_equal(soundfile.read(shrunk)[0], soundfile.read(plain)[0])

    def test_what_nobody_speaks_is_made_as_bundled(self, tmp_path: Path) -> None:
        for item in lipsync_kit.controls():
            (bundled,) = chosen(KIT, [item.name])
            off = np.abs(item.sound - sound_of(bundled)).max() * 32768
            assert off <= lipsync_kit.STEP / 2 + 1e-6

    def test_without_espeak_it_says_what_to_install(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def missing() -> None:
            raise NoSynthesiser("pip install espeakng-loader")

        monkeypatch.setattr(lipsync_kit, "Espeak", missing)
        monkeypatch.setattr("sys.argv", ["lipsync_kit"])
        assert lipsync_kit.main() == 1
        assert "pip install espeakng-loader" in capsys.readouterr().err

    @given(st.integers(0, 2**32), st.floats(0.001, 100), st.integers(1, 40))
    def test_no_level_makes_a_peak_above_one_db_below_full(
        self, seed: int, gain: float, sharp: int
    ) -> None:
        samples = np.random.default_rng(seed).standard_normal(700) ** (2 * sharp - 1)
        made = kit_sounds.levelled(samples / np.abs(samples).max() * gain)
        assert np.abs(made).max() <= 10 ** (-1 / 20)

    @given(st.lists(st.integers(0, 900), max_size=5))
    def test_placed_is_the_sum_of_what_was_placed(self, times: list[int]) -> None:
        made = kit_sounds.placed(1.0, [(at / 1000, np.ones(160)) for at in times])
        assert made.sum() == 160 * len(times)
        for at in times:
            assert (made[at * 16 : at * 16 + 160] >= 1).all()

    def test_nothing_is_placed_beyond(self) -> None:
        with pytest.raises(ValueError, match="leave"):
            kit_sounds.placed(1.0, [(0.995, np.ones(160))])

    def test_what_is_moved_keeps_its_length(self) -> None:
        assert Sound(1.0, 2.0, "p").later(0.5) == Sound(1.5, 2.5, "p")

    @given(st.sampled_from("pbm"), st.integers(40, 110), st.integers(120, 300), st.integers(-5, 5))
    def test_lips_are_shut_from_the_fall_to_the_rise_wherever_the_event_is(
        self, name: str, shut_ms: int, vowel_ms: int, off_ms: int
    ) -> None:
        """A p's event is its burst, that of a b or m its beginning: both only nearly."""
        t = np.arange(vowel_ms * 16) / RATE
        vowel = 0.2 * np.sin(2 * np.pi * 700 * t) + 0.1 * np.sin(2 * np.pi * 1_500 * t)
        t = np.arange(shut_ms * 16) / RATE
        murmur = {"p": 0.0, "b": 0.03, "m": 0.1}[name] * np.sin(2 * np.pi * 150 * t)
        begin, end = vowel_ms / 1000, (vowel_ms + shut_ms) / 1000
        event = (end if name == "p" else begin) + off_ms / 1000
        marks = (
            Mark(0.0, "a"),
            Mark(event, name),
            Mark(end + 0.03, "a"),
            Mark(end + begin, ""),
            Mark(end + begin + 0.1, ""),
        )
        spoken = Spoken(np.concatenate([vowel, murmur, vowel, np.zeros(1_600)]), marks)
        before, shut, after = labels_of(spoken)
        assert (shut.begin_s, shut.end_s) == pytest.approx((begin, end), abs=0.008)
        assert before.end_s <= shut.begin_s
        assert (after.name, after.begin_s) == ("a", shut.end_s)
