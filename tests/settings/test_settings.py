"""Settings: where they come from, what is refused, and that no secret is ever shown."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from micstream.errors import UsageError
from micstream.settings import Settings, load
from micstream.settings import table as knobs
from micstream.settings.knob import STARTING, Knob
from micstream.settings.table import KNOBS
from micstream.speech.presets import TUNINGS
from micstream.speech.segmenter import SegmenterOptions

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty folder to run in, and none of our variables in the environment."""
    for knob in KNOBS:
        monkeypatch.delenv(knob.variable, raising=False)
        for name in knob.also:
            monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(**flags: Any) -> str:
    with pytest.raises(UsageError) as caught:
        load(**flags)
    assert caught.value.hint
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    return caught.value.message


class TestPrecedence:
    def test_from_the_defaults_up(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        assert load().lead_ms == 110
        (tmp_path / ".env").write_text("MICSTREAM_LEAD_MS=110\nMICSTREAM_CHUNK_MS=20\n")
        assert load().lead_ms == 110
        (tmp_path / ".env.local").write_text("MICSTREAM_LEAD_MS=120\n")
        assert load().lead_ms == 120
        monkeypatch.setenv("MICSTREAM_LEAD_MS", "130")
        assert load().lead_ms == 130
        assert load(lead_ms=140).lead_ms == 140
        assert load(lead_ms=140).chunk_ms == 20, "what is not overridden stays"

    def test_livekits_own_variables(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text("LIVEKIT_URL=ws://file:7880\nLIVEKIT_ROOM=file\n")
        monkeypatch.setenv("LIVEKIT_URL", "ws://environment:7880")
        settings = load(room="flag")
        assert settings.url == "ws://environment:7880"
        assert settings.room == "flag"

    def test_a_flag_that_was_not_given_overrides_nothing(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LIVEKIT_ROOM", "environment")
        monkeypatch.setenv("MICSTREAM_AVATAR", "avatar-a, avatar-b*")
        settings = load(room=None, avatar=[])
        assert settings.room == "environment"
        assert settings.avatar == ("avatar-a", "avatar-b*")

    def test_a_variable_that_is_empty_counts_as_not_set(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        (tmp_path / ".env").write_text("LIVEKIT_ROOM=\nLIVEKIT_URL=\nMICSTREAM_LEAD_MS=\n")
        monkeypatch.setenv("LIVEKIT_API_KEY", "")
        settings = load()
        assert settings.room == "micstream"
        assert settings.url is None
        assert settings.api_key is None
        assert settings.lead_ms == 110

    def test_other_variables_in_the_files_are_left_alone(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text("DATABASE=x\nMICSTREAM_NOT_YET=1\nLIVEKIT_ROOM=show\n")
        assert load().room == "show"

    @pytest.mark.parametrize("knob", KNOBS, ids=lambda knob: knob.name)
    def test_every_variable_is_read_and_every_flag_wins(
        self, knob: Knob, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        low, high = _two_values(knob)
        monkeypatch.setenv(knob.variable, str(low))
        assert _plain(getattr(load(), knob.name)) == _plain(low)
        assert _plain(getattr(load(**{knob.name: high}), knob.name)) == _plain(high)


def _two_values(knob: Knob) -> tuple[Any, Any]:
    """Two values that can be used, neither of them the default where there is a choice."""
    special = {
        "url": ("ws://one:1", "wss://two.example"),
        "frame_ms": (10, 30),
        "vad_off": (0.1, 0.2),
        "onset_ms": (10, 20),
        "onset_window_ms": (200, 300),
        "max_length_ms": (20_000, 40_000),
        "pre_roll_ms": (100, 200),
        "avatar": ("one", ("two",)),
        "performer": ("one=USB", ("two=room:two",)),
        "avatar_server": ("http://one:1", "https://two.example"),
        "echo_guard": ("auto", "off"),  # a channel needs the microphone's own beside it
    }
    if knob.name in special:
        return special[knob.name]
    if knob.choices:
        return knob.choices[0], knob.choices[-1]
    if knob.kind is bool:
        return True, False
    if knob.low is not None:
        assert knob.high is not None
        return knob.kind(knob.low), knob.kind(knob.high)
    return "one", "two"


def _plain(value: Any) -> Any:
    if hasattr(value, "get_secret_value"):
        value = value.get_secret_value()
    return (value,) if isinstance(value, str) else value


class TestTwoNames:
    """What the documentation and the plugin of Avaluma name differently."""

    @pytest.mark.parametrize("name", ["license_key", "avatar_server"])
    def test_either_will_do_and_both_where_they_agree(
        self, name: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        knob = knobs.BY_NAME[name]
        value = "http://one:8080" if name == "avatar_server" else "one"
        for variable in knob.names:
            monkeypatch.setenv(variable, value)
            assert _plain(load().chosen(name)) == (value,)
            monkeypatch.delenv(variable)
        (tmp_path / ".env.local").write_text(f"{knob.also[0]}={value}\n")
        monkeypatch.setenv(knob.variable, value + ("/" if name == "avatar_server" else ""))
        assert _plain(load().chosen(name)) == (value,)

    def test_where_they_differ_neither_is_taken(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("AVALUMA_API_KEY", "hidden-one")
        (tmp_path / ".env").write_text("AVALUMA_LICENSE_KEY=hidden-two\n")
        monkeypatch.setenv("AVATAR_SERVER_URL", "http://one:8080")
        monkeypatch.setenv("AVALUMA_API_URL", "http://two:8080")
        settings = load()
        for name in ("license_key", "avatar_server"):
            with pytest.raises(UsageError) as caught:
                settings.chosen(name)
            knob = knobs.BY_NAME[name]
            assert f"{knob.variable} and {knob.also[0]}" in caught.value.message
            assert knob.option in caught.value.hint
            assert "hidden" not in caught.value.message + caught.value.hint + repr(settings)
        given = load(license_key="three", avatar_server="http://three:1")
        assert given.chosen("license_key").get_secret_value() == "three"
        assert given.chosen("avatar_server") == "http://three:1"

    def test_nor_where_two_of_the_others_do(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AVALUMA_API_URL", "http://one:8080")
        monkeypatch.setenv("AVALUMA_AVATAR_SERVER_URL", "http://two:8080")
        assert "AVALUMA_API_URL and AVALUMA_AVATAR_SERVER_URL are both set" in refused()

    def test_the_avatar_to_bring_in_is_the_one_to_speak_through(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AVALUMA_AVATAR_ID", "anna")
        assert load().avatar == ("avatar-anna",)
        assert load(avatar_id="a,b").avatar == ("avatar-a,b",)
        assert load(avatar=["other-*"]).avatar == ("other-*",)
        monkeypatch.setenv("MICSTREAM_AVATAR", "x")
        assert load().avatar == ("x",)
        assert "--avatar-id (AVALUMA_AVATAR_ID)" in refused(avatar_id="an*")

    @pytest.mark.parametrize("address", ["api.avaluma.ai", "ws://x:1", "http://", "http://x:0"])
    def test_a_page_is_expected(self, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
        expected = "expected an address such as https://api.avaluma.ai"
        assert expected in refused(avatar_server=address)
        monkeypatch.setenv("AVALUMA_API_URL", address)
        assert f"(AVALUMA_API_URL): {address!r} cannot be used: {expected}" in refused()
        assert "hidden" not in refused(avatar_server="http://user:hidden@host")


class TestRefused:
    @pytest.mark.parametrize("knob", KNOBS, ids=lambda knob: knob.name)
    def test_a_value_out_of_range_names_option_and_variable(self, knob: Knob) -> None:
        values: list[Any] = []
        if knob.low is not None and knob.high is not None:
            values = [knob.low - 1, knob.high + 1, "many", "", "nan", float("nan"), [1]]
        elif knob.choices:
            values = ["other", 7]
        elif knob.name in ("room", "identity"):
            values = ["", "  "]
        for value in values:
            message = refused(**{knob.name: value})
            assert knob.option in message
            assert knob.variable in message
            assert "Value error" not in message

    @pytest.mark.parametrize("knob", KNOBS, ids=lambda knob: knob.name)
    def test_from_the_environment_too(self, knob: Knob, monkeypatch: pytest.MonkeyPatch) -> None:
        if knob.low is None and not knob.choices:
            return
        monkeypatch.setenv(knob.variable, "nonsense")
        message = refused()
        assert f"{knob.option} ({knob.variable}): 'nonsense' cannot be used: " in message

    def test_from_a_file_too(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text("MICSTREAM_LEAD_MS=soon\n")
        assert "--lead-ms (MICSTREAM_LEAD_MS): 'soon' cannot be used" in refused()

    def test_all_that_is_wrong_is_said_at_once(self) -> None:
        message = refused(lead_ms=-1, mode="loud", frame_ms=15)
        for option in ("--lead-ms", "--mode", "--frame-ms"):
            assert option in message

    @pytest.mark.parametrize(
        "url",
        [
            "example.org",
            "ftp://example.org",
            "ws://",
            "ws:///path",
            "wss://:7880",
            "wss://[no",
            "wss://host:port",
            "wss://host:70000",
            "wss://host:0",
            "",
        ],
    )
    def test_addresses(self, url: str) -> None:
        assert "expected an address such as wss://" in refused(url=url)

    @pytest.mark.parametrize("url", ["ws://localhost:7880", "https://a.example/x", "ws://[::1]:1"])
    def test_addresses_that_can_be_used(self, url: str) -> None:
        assert load(url=url).url == url

    @pytest.mark.parametrize("avatar", [["a*b"], ["ok", "*x"], " , ", "**"])
    def test_patterns(self, avatar: Any) -> None:
        message = refused(avatar=avatar)
        assert "--avatar (MICSTREAM_AVATAR)" in message
        assert "*" in message

    def test_an_onset_longer_than_its_window(self) -> None:
        assert "--onset-ms must not be longer than --onset-window-ms" in refused(onset_ms=120)

    def test_a_limit_that_a_lead_would_exceed(self) -> None:
        flags = {"max_length_ms": 1_000, "onset_window_ms": 500, "pre_roll_ms": 500}
        assert "--max-length-ms must be longer" in refused(**flags)
        load(**{**flags, "pre_roll_ms": 490})

    def test_an_avatar_given_twice_is_one(self) -> None:
        assert load(avatar=["a", "b", "a"]).avatar == ("a", "b")

    def test_bytes_that_are_no_text(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("room", "device", "url", "api_key", "avatar"):
            assert "not text in UTF-8" in refused(**{name: "a\udcff"})
        message = refused(api_secret="a\udcff", avatar=["b", "c\udcff"])
        assert "--api-secret (LIVEKIT_API_SECRET): it is not text" in message
        assert "a\udcff" not in message
        monkeypatch.setenv("LIVEKIT_ROOM", "\udcff")
        assert "--room (LIVEKIT_ROOM)" in refused()

    def test_a_settings_file_that_cannot_be_read(self, tmp_path: Path) -> None:
        (tmp_path / ".env").symlink_to("/proc/self/mem")  # root too fails to read that
        assert "cannot be read: input/output error" in refused()

    def test_a_settings_file_that_is_no_text(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_bytes(b"LIVEKIT_ROOM=\xff\xfe\n")
        assert "not UTF-8" in refused()


# Begun by a sign that stands in no text of ours, lest a secret be found where it is not.
SECRETS = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Z"]),
    min_size=8,
    max_size=60,
).map(lambda text: f"\u00a7{text}\u00a7")


class TestSecrets:
    @hypothesis_settings(max_examples=60)
    @given(secret=SECRETS, token=SECRETS)
    def test_no_secret_is_ever_shown(self, secret: str, token: str) -> None:
        given_ = {"api_secret": secret, "token": token, "api_key": "key-" + secret}
        given_ |= {"license_key": token}
        settings = load(**given_)
        assert settings.api_secret is not None
        assert settings.api_secret.get_secret_value() == secret
        shown = [repr(settings), str(settings), f"{settings}", f"{[settings]!r}"]
        # What is wrong elsewhere is told without them:
        for wrong in ({"lead_ms": -1}, {"url": "nowhere"}, {"onset_ms": 900}):
            shown.append(refused(**given_, **wrong))
        for text in shown:
            assert secret not in text
            assert token not in text

    @hypothesis_settings(max_examples=60)
    @given(secret=SECRETS)
    def test_a_secret_that_cannot_be_used_is_not_repeated(self, secret: str) -> None:
        for name in ("api_secret", "token"):
            message = refused(**{name: [secret]})
            assert secret not in message
            assert knobs.BY_NAME[name].option in message

    @hypothesis_settings(max_examples=100)
    @given(secret=SECRETS)
    def test_nor_is_a_password_in_an_address(self, secret: str) -> None:
        message = refused(url=f"wss://user:{secret}@example.org")
        assert secret not in message
        assert "--url (LIVEKIT_URL)" in message

    @pytest.mark.parametrize("password", ["pass\u2100word", "pa/ss", "pa?ss", "pa#ss", "[pass"])
    def test_nor_one_that_makes_the_address_unreadable(self, password: str) -> None:
        assert password not in refused(url=f"wss://user:{password}@example.org")

    def test_the_other_settings_are_shown(self) -> None:
        shown = repr(load(api_key="key", api_secret="s" * 32, room="show"))
        assert shown.startswith("Settings(url=None, api_key=***, api_secret=***, token=None, ")
        assert "room='show'" in shown
        assert "lead_ms=110" in shown


def test_settings_cannot_be_changed() -> None:
    settings = load()
    with pytest.raises(ValueError, match="frozen"):
        settings.lead_ms = 200


class TestKnobs:
    def test_settings_have_exactly_the_knobs(self) -> None:
        names = [(knob.name, f"{knob.name}_also") if knob.also else (knob.name,) for knob in KNOBS]
        assert list(Settings.model_fields) == [name for both in names for name in both]

    @pytest.mark.parametrize("knob", KNOBS, ids=lambda knob: knob.name)
    def test_the_default_can_be_used(self, knob: Knob) -> None:
        assert getattr(load(), knob.name) == knob.default
        if knob.low is not None and knob.default is not None:
            assert knob.high is not None
            assert knob.low <= knob.default <= knob.high
            assert isinstance(knob.default, knob.kind)
        if knob.choices and knob.default is not None:
            assert knob.default in knob.choices
        if knob.default is not None:
            # validated, not only set
            assert _plain(getattr(load(**{knob.name: knob.default}), knob.name)) == _plain(
                knob.default
            )

    def test_names_options_and_variables_are_told_apart(self) -> None:
        for key in ("name", "option", "variable"):
            values = [getattr(knob, key) for knob in KNOBS]
            assert len(set(values)) == len(values)

    @pytest.mark.parametrize("knob", KNOBS, ids=lambda knob: knob.name)
    def test_each_is_explained(self, knob: Knob) -> None:
        assert len(knob.help) > 15
        assert knob.help.endswith(".")
        assert (knob.low is None) == (knob.high is None)
        theirs = "AVALUMA|AVATAR" if knob.panel == STARTING else "LIVEKIT"
        assert re.fullmatch(rf"({theirs}|MICSTREAM)_[A-Z_]+", knob.variable)

    def test_what_is_not_given_is_the_presets(self) -> None:
        assert load().tuning == TUNINGS["hybrid", "room"]
        assert load().tuning.segmenter == SegmenterOptions()
        for vad, place in TUNINGS:
            assert load(vad=vad, preset=place).tuning == TUNINGS[vad, place]

    def test_every_number_of_a_preset_can_be_set(self) -> None:
        names = {"vad_on", "vad_off", "near_db", "margin_ms"} | {
            field.name for field in dataclasses.fields(SegmenterOptions)
        }
        assert names <= set(knobs.BY_NAME)

    def test_what_was_given_goes_before_the_preset(self) -> None:
        given = {"pre_roll_ms": 120, "hangover_ms": 700, "margin_ms": 0, "near_db": 3}
        tuning = load(preset="stage", vad_on=0.9, **given).tuning
        preset = TUNINGS["hybrid", "stage"]
        assert (tuning.on, tuning.off) == (0.9, preset.off)
        assert (tuning.margin_ms, tuning.near_db) == (0, 3)
        assert (tuning.segmenter.pre_roll_ms, tuning.segmenter.hangover_ms) == (120, 700)
        assert tuning.segmenter.min_speech_ms == preset.segmenter.min_speech_ms

    def test_the_lower_threshold_gives_way_to_the_upper_unless_it_was_given(self) -> None:
        assert load(vad_on=0.2).tuning.off == 0.2
        assert "--vad-off must not be above --vad-on" in refused(vad_on=0.2, vad_off=0.3)

    def test_secrets_are_marked(self) -> None:
        assert {knob.name for knob in KNOBS if knob.secret} == {
            "api_secret",
            "token",
            "license_key",
        }


@pytest.fixture
def example() -> Iterator[str]:
    yield (ROOT / ".env.example").read_text("utf-8")


@pytest.mark.parametrize("knob", KNOBS, ids=lambda knob: knob.name)
def test_the_example_file_explains_every_variable(knob: Knob, example: str) -> None:
    lines = example.splitlines()
    found = [n for n, line in enumerate(lines) if re.match(rf"#?\s?{knob.variable}=", line)]
    assert len(found) == 1
    assert lines[found[0] - 1].startswith("# "), "words above it"
    value = lines[found[0]].partition("=")[2]
    if isinstance(knob.default, tuple):
        assert value == ",".join(knob.default)
    elif knob.default is not None:
        assert value == (str(knob.default).lower() if knob.kind is bool else str(knob.default))
    else:
        assert value == ""


def test_the_example_file_can_be_used_as_it_is(example: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(example, "utf-8")
    assert load() == Settings()
    commented_in = re.sub(r"(?m)^#\s?(?=[A-Z_]+=)", "", example)
    (tmp_path / ".env.local").write_text(commented_in, "utf-8")
    assert load() == Settings(_env_file=None)
