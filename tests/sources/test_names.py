"""Which microphone is meant, and which is the same one when it is back: by names alone."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micstream.audio.device_name import is_same, normal
from micstream.errors import AudioDeviceError
from micstream.sources.names import InputDevice, Sought, find, listed, preferred

WASAPI, SOUND, MME, KS = "Windows WASAPI", "Windows DirectSound", "MME", "Windows WDM-KS"


def there(*names: str, api: str = "ALSA", default: int = 0) -> list[InputDevice]:
    """Devices of one host API, in this order."""
    return [
        InputDevice(n, name, api, 1, 48_000, is_default=n == default)
        for n, name in enumerate(names)
    ]


def on_windows(*named: tuple[str, str]) -> list[InputDevice]:
    """Devices by (host API, name)."""
    return [
        InputDevice(n, name, api, 1, 48_000, is_default=n == 1)
        for n, (api, name) in enumerate(named)
    ]


USB_1, USB_2, USB_3 = (f"USB Audio Device: - (hw:{n},0)" for n in (1, 2, 3))
BUILT_IN = "HDA Intel PCH: ALC257 Analog (hw:0,0)"
HEADSET = "Microphone (USB Audio Device of a Headset)"
REALTEK = "Mikrofon (Realtek High Definition Audio)"
LAPTOP = on_windows(
    (MME, "Microsoft Soundmapper - Input"),
    (MME, REALTEK[:31]),
    (MME, HEADSET[:31]),
    (SOUND, "Primärer Soundaufnahmetreiber"),
    (SOUND, REALTEK),
    (SOUND, HEADSET),
    (WASAPI, REALTEK),
    (WASAPI, HEADSET),
    (KS, "Mikrofon (Realtek HD Audio Mic input)"),
    (KS, "Microphone (USB Audio Device of a Headset)"),
)


class TestNormalForm:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            (USB_1, USB_2),
            ("USB Audio: - (plughw:1,0)", "USB Audio: - (plughw:12,0)"),
            ("Microphone (USB Audio Device)", "Microphone (2- USB Audio Device)"),
            ("Microphone (3- USB Audio Device)", "Microphone (12- USB Audio Device)"),
            ("2- USB Audio Device", "USB Audio Device"),
            ("Microphone (2- USB Audio Device of a Headset)"[:31], HEADSET),
            ("Kühn USB", unicodedata.normalize("NFD", "Kühn USB")),
            ("Blue  Yeti ", "Blue Yeti"),
        ],
    )
    def test_the_same_wherever_it_is_plugged_in(self, one: str, other: str) -> None:
        assert is_same(one, other)
        assert is_same(other, one)

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("HDA Intel: HDMI 0 (hw:0,3)", "HDA Intel: HDMI 0 (hw:0,7)"),
            ("USB", "USB Audio"),
            ("Microphone 2 (USB Audio)", "Microphone (USB Audio)"),
            ("Kühn USB", "Kuhn USB"),
            ("pulse", "default"),
            ("(hw:1)", "(hw:2)"),
        ],
    )
    def test_others_stay_others(self, one: str, other: str) -> None:
        assert not is_same(one, other)
        assert not is_same(other, one)

    @given(st.text(max_size=40))
    def test_it_is_its_own_normal_form(self, name: str) -> None:
        assert is_same(name, name)
        assert is_same(normal(name), name) or len(name) == 31

    @given(st.integers(0, 31), st.integers(0, 31))
    def test_no_number_of_a_card_counts(self, one: int, other: int) -> None:
        assert is_same(f"Yeti: USB (hw:{one},0)", f"Yeti: USB (hw:{other},0)")


class TestFind:
    def test_a_name_under_which_it_was_plugged_in_before(self) -> None:
        assert find(there(BUILT_IN, USB_2), USB_1).name == USB_2

    def test_two_of_one_name_are_ambiguous_by_name_and_told_apart_by_index(self) -> None:
        twins = there("USB Audio", "Yeti", "USB Audio", api="Core Audio")
        for asked in ("USB Audio", "usb audio", "USB"):
            with pytest.raises(AudioDeviceError, match="0: USB Audio, 2: USB Audio") as caught:
                find(twins, asked)
            assert caught.value.code == "device_ambiguous"
        assert find(twins, "2").index == 2

    def test_two_of_a_kind_by_the_number_of_the_card(self) -> None:
        both = there(USB_1, USB_2)
        assert find(both, USB_2).name == USB_2
        assert find(both, "hw:2,0").name == USB_2
        with pytest.raises(AudioDeviceError, match="fits several"):
            find(both, USB_3)

    def test_a_number_that_is_no_index_is_part_of_a_name(self) -> None:
        card = there("pulse", "Delta 1010LT")
        assert find(card, "1010").name == "Delta 1010LT"
        assert find(card, "01").name == "Delta 1010LT"
        assert find(card, "00").name == "pulse"

    @pytest.mark.parametrize(
        "wanted", ["-1", "9" * 5_000, "\u00b2", "\u0660", "1.0", "\ud800", "\0"]
    )
    def test_nonsense_is_a_device_that_is_not_there(self, wanted: str) -> None:
        with pytest.raises(AudioDeviceError, match="no input device") as caught:
            find(there("pulse"), wanted)
        assert caught.value.code == "no_device"

    @pytest.mark.parametrize("wanted", [None, "", "  ", "\n"])
    def test_nothing_is_the_default(self, wanted: str | None) -> None:
        assert find(there("a", "b", default=1), wanted).name == "b"
        assert find(there("a", "b", default=9), wanted).name == "a"

    def test_what_is_there_is_told(self) -> None:
        with pytest.raises(AudioDeviceError, match=r"there are 'a', 'b\\x1b\[2J'") as caught:
            find(there("a", "b\x1b[2J"), "Yeti")
        assert "\x1b" not in caught.value.message
        twins = there("x\nerror: forged" + "y" * 999, "x\nerror: forged" + "y" * 999)
        with pytest.raises(AudioDeviceError, match=r"x\\nerror") as caught:
            find(twins, "x")
        assert "\n" not in caught.value.message
        assert len(caught.value.message) < 250
        with pytest.raises(AudioDeviceError) as caught:
            find(twins, "9" * 5_000)
        assert len(caught.value.message) < 350
        many = there(*(f"m{n}" for n in range(20)))
        assert listed(many).endswith("'m7' and 12 more")

    def test_one_name_by_two_host_apis_is_one_device(self) -> None:
        both = [*there("pulse"), InputDevice(5, "pulse", "OSS", 1, 48_000, is_default=False)]
        assert find(both, "pulse").host_api == "ALSA"

    @given(st.text(max_size=8), st.lists(st.text(max_size=8), max_size=5))
    def test_it_is_found_or_told(self, wanted: str, names: list[str]) -> None:
        devices = there(*names)
        try:
            assert find(devices, wanted) in devices
        except AudioDeviceError as error:
            assert error.code in ("no_device", "device_ambiguous")


class TestWindows:
    @pytest.mark.parametrize(
        "wanted", ["USB", "Headset", HEADSET, HEADSET[:31], HEADSET.upper(), "usb audio device"]
    )
    def test_one_device_under_four_host_apis_is_one_and_wasapi_goes_first(
        self, wanted: str
    ) -> None:
        found = find(LAPTOP, wanted)
        assert (found.name, found.host_api) == (HEADSET, WASAPI)

    def test_the_default_is_one_of_mme_s_and_taken_by_wasapi(self) -> None:
        assert preferred(LAPTOP[1], LAPTOP).index == 6

    def test_an_index_and_a_name_with_its_host_api_are_taken_as_they_are(self) -> None:
        assert find(LAPTOP, "2").host_api == MME
        assert find(LAPTOP, f"{HEADSET}, {SOUND}").host_api == SOUND

    def test_without_wasapi_the_next_best(self) -> None:
        rest = [device for device in LAPTOP if device.host_api != WASAPI]
        assert find(rest, "USB").host_api == SOUND
        assert find([each for each in rest if each.host_api != SOUND], "USB").host_api == MME
        assert find([each for each in rest if each.host_api == KS], "USB").host_api == KS

    def test_a_name_that_is_cut_stands_for_one_device_only(self) -> None:
        names = [f"{HEADSET[:31]}{end}" for end in (" One)", " Two)")]
        both = on_windows(*((MME, HEADSET[:31]),) * 2, *((WASAPI, name) for name in names))
        assert find(both, "Two").name == names[1]
        with pytest.raises(AudioDeviceError, match="fits several"):
            find(both, HEADSET[:31])

    def test_two_of_a_kind(self) -> None:
        first, second = "Microphone (USB Audio)", "Microphone (2- USB Audio)"
        both = on_windows(
            *((api, name) for api in (MME, SOUND, WASAPI) for name in (first, second))
        )
        with pytest.raises(AudioDeviceError) as caught:
            find(both, "USB")
        assert caught.value.message.count("Microphone") == 2, "each is named once"
        assert (find(both, first).name, find(both, first).host_api) == (first, WASAPI)
        assert (find(both, second).name, find(both, "2-").host_api) == (second, WASAPI)

    def test_a_message_names_each_once(self) -> None:
        assert listed(LAPTOP).count("USB") == 1
        assert listed(LAPTOP).count("Realtek") == 1, "WDM-KS has names of its own"


class TestBack:
    """The same one is taken again, under whatever name; another one never."""

    def test_under_another_number(self) -> None:
        for before, after in (
            (USB_1, USB_2),
            ("Microphone (USB Audio)", "Microphone (2- USB Audio)"),
        ):
            for asked in (None, "0", "USB", before):
                sought = Sought(asked)
                assert sought.find(there(before, BUILT_IN)).name == before
                found = sought.find(there(BUILT_IN, after), again=True)
                assert (found.name, found.index) == (after, 1)
                assert sought.find(there(before), again=True).name == before

    def test_the_default_is_not_another_one_now(self) -> None:
        sought = Sought(None)
        assert sought.find(there("mine", BUILT_IN)).name == "mine"
        with pytest.raises(AudioDeviceError, match="no input device 'mine'; there are 'HDA"):
            sought.find(there(BUILT_IN), again=True)

    def test_what_fits_what_was_asked_for_and_has_come_since(self) -> None:
        sought = Sought("usb")
        sought.find(there(BUILT_IN, USB_1))
        fitting = "USB Condenser: - (hw:2,0)"
        assert sought.find(there(BUILT_IN, fitting), again=True).name == fitting
        with pytest.raises(AudioDeviceError):
            sought.find(there(BUILT_IN, fitting, "USB Toy: - (hw:3,0)"), again=True)
        assert sought.find(there(fitting, USB_2), again=True).name == USB_2, "its own goes before"

    def test_nothing_that_was_there_before_is_taken_for_it(self) -> None:
        sought = Sought("USB Audio")
        sought.find(there("USB Audio", "USB Audio (monitor)"))
        with pytest.raises(AudioDeviceError):
            sought.find(there("USB Audio (monitor)"), again=True)

    def test_asked_for_by_index_the_index_means_nothing_later(self) -> None:
        sought = Sought("1")
        sought.find(there(BUILT_IN, USB_1))
        with pytest.raises(AudioDeviceError, match="no input device"):
            sought.find(there(BUILT_IN, "Delta 1010LT"), again=True)


KINDS = ["USB", "Yeti"]
NAMES = [*(f"{kind}: - (hw:{n},0)" for kind in KINDS for n in range(3)), "default"]


@given(
    st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True),
    st.sampled_from([None, "0", "USB", "Yeti: - (hw:1,0)", "default"]),
    st.lists(st.lists(st.sampled_from(NAMES), max_size=4, unique=True), max_size=6),
)
def test_what_is_taken_again_is_the_same_or_was_asked_for_and_is_new(
    first: list[str], asked: str | None, looks: list[list[str]]
) -> None:
    sought = Sought(asked)
    try:
        found = sought.find(there(*first))
    except AudioDeviceError:
        return
    known = {normal(name) for name in first}
    for look in looks:
        try:
            again = sought.find(there(*look), again=True).name
        except AudioDeviceError as error:
            assert error.code in ("no_device", "device_ambiguous")
            assert error.hint
            continue
        if not is_same(again, found.name):
            assert asked not in (None, "0")
            assert normal(again) not in known
            assert asked is not None
            assert normal(asked) in normal(again)


class TestTwins:
    """Two of one name: the other one is never taken unasked."""

    def test_of_one_name_altogether_it_cannot_be_told_which(self) -> None:
        sought = Sought("1")
        sought.find(there("USB", "USB", api="Core Audio"))
        with pytest.raises(AudioDeviceError, match=r"its namesake \(0: USB\)"):
            sought.find(there("USB", "Yeti", api="Core Audio"), again=True)
        with pytest.raises(AudioDeviceError, match="cannot be told which") as caught:
            sought.find(there("USB", "USB", api="Core Audio"), again=True)
        assert caught.value.code == "device_ambiguous"
        assert "--device" in caught.value.hint

    @pytest.mark.parametrize("back", [USB_1, USB_3])
    def test_the_one_that_stays_is_not_the_one_that_comes(self, back: str) -> None:
        sought = Sought("0")
        sought.find(there(USB_1, USB_2))
        with pytest.raises(AudioDeviceError, match="its namesake"):
            sought.find(there(USB_2), again=True)
        assert sought.find(there(back, USB_2), again=True).name == back

    def test_after_both_were_away_one_alone_may_be_the_other(self) -> None:
        sought = Sought("0")
        sought.find(there(USB_1, USB_2))
        with pytest.raises(AudioDeviceError):
            sought.find(there(BUILT_IN), again=True)
        for one in (USB_1, USB_3):
            with pytest.raises(AudioDeviceError, match="cannot be told which"):
                sought.find(there(one), again=True)
        with pytest.raises(AudioDeviceError, match="cannot be told which"):
            sought.find(there(USB_1, USB_3), again=True)
        assert sought.find(there(USB_2, USB_1), again=True).name == USB_1

    def test_two_that_come_at_once_where_there_was_one(self) -> None:
        sought = Sought("USB")
        sought.find(there(USB_1))
        with pytest.raises(AudioDeviceError, match="fits several"):
            sought.find(there(USB_2, USB_3), again=True)

    @given(
        st.lists(st.sampled_from([USB_1, USB_2, BUILT_IN]), unique=True),
        st.lists(st.sets(st.sampled_from([USB_1, USB_2, BUILT_IN])), max_size=6),
    )
    def test_whatever_comes_and_goes_the_other_one_is_not_taken(
        self, first: list[str], looks: list[set[str]]
    ) -> None:
        """As long as their cards keep their numbers."""
        if USB_1 not in first or USB_2 not in first:
            return
        sought = Sought(str(first.index(USB_1)))
        sought.find(there(*first))
        for look in looks:
            try:
                found = sought.find(there(*sorted(look)), again=True).name
            except AudioDeviceError:
                continue
            assert found == USB_1
