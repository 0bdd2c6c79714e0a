"""Finding PortAudio, and a device by what a person calls it."""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
import sys
import threading
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

import pytest

from micstream.backoff import Backoff
from micstream.errors import AudioDeviceError
from micstream.sources import portaudio, windows
from micstream.sources.audio_thread import run_in_audio_thread
from micstream.sources.live import Reopening
from micstream.sources.microphone import Microphone, MicrophoneOpener
from micstream.sources.portaudio import find_input, input_devices, supported_rates
from micstream.sources.source import Opened
from tests.support.portaudio import FakeDevice, FakePortAudio, FakeStream, PortAudioError

NAMES = ["HDA Intel: ALC257 Analog", "Kühn USB Audio", "Kühn USB Audio (monitor)", "pulse"]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakePortAudio:
    fake = FakePortAudio([FakeDevice(name, channels=2) for name in NAMES], default_input=3)
    monkeypatch.setattr(portaudio, "load", lambda: fake)
    return fake


class _WithoutLibrary(MetaPathFinder):
    """`import sounddevice` where the package is there and libportaudio2 is not."""

    def __init__(self, raised: Exception | None = None) -> None:
        self._raised = raised or OSError("PortAudio library not found")

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name == "sounddevice":
            raise self._raised
        return None


def test_without_portaudio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(sys, "meta_path", [_WithoutLibrary(), *sys.meta_path])
    for ask in (portaudio.load, input_devices, Microphone):
        with pytest.raises(AudioDeviceError, match="PortAudio is not installed") as caught:
            ask()
        assert caught.value.code == "no_portaudio"
        assert caught.value.exit_code == 4
        assert "apt install libportaudio2" in caught.value.hint
        assert "brew install portaudio" in caught.value.hint


@pytest.mark.parametrize(
    ("raised", "code", "words"),
    [
        (OSError("cannot load library: libjack.so.0"), "no_portaudio", "cannot be loaded: cannot"),
        (ImportError("No module named '_cffi_backend'"), "no_portaudio", "is not installed"),
        (PortAudioError("Error initializing PortAudio", -9999), "portaudio", "be started: Error i"),
        (AssertionError(), "portaudio", "be started: AssertionError"),
    ],
)
def test_a_portaudio_that_cannot_be_loaded(
    monkeypatch: pytest.MonkeyPatch, raised: Exception, code: str, words: str
) -> None:
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(sys, "meta_path", [_WithoutLibrary(raised), *sys.meta_path])
    with pytest.raises(AudioDeviceError, match=words) as caught:
        input_devices()
    assert (caught.value.code, caught.value.exit_code) == (code, 4)
    assert caught.value.hint


class TestNamesThatCannotBeRead:
    @pytest.fixture(autouse=True)
    def unreadable(self, fake: FakePortAudio) -> None:
        fake.devices[1].raw_name = b"Mikr\xf6fon"

    def test_the_others_are_listed_and_found(self) -> None:
        found = input_devices()
        assert [device.name for device in found] == [NAMES[0], "Mikr\\xf6fon", *NAMES[2:]]
        assert [device.is_default for device in found] == [False, False, False, True]
        assert find_input("Kühn").index == 2

    def test_it_says_itself_why_it_is_not_opened(self) -> None:
        assert supported_rates(find_input("1")) == []
        with pytest.raises(AudioDeviceError, match="its name is no UTF-8") as caught:
            Microphone("fon")
        assert (caught.value.code, caught.value.exit_code) == ("device_name", 4)

    async def test_no_replug_ends_a_show_over_it(self, fake: FakePortAudio) -> None:
        opener = MicrophoneOpener("pulse")
        assert (await opener.open()).name == "pulse"
        assert (await opener.open(again=True)).name == "pulse"
        fake.devices[3].raw_name = b"puls\xe9"
        with pytest.raises(AudioDeviceError):
            await opener.open(again=True)


class TestWordsThatCannotBeRead:
    """Windows tells what is wrong in its own encoding, and sounddevice fails over the words."""

    WORDS = UnicodeDecodeError("utf-8", b"Ger\xe4t", 3, 4, "invalid continuation byte")

    @pytest.mark.parametrize("at", ["__init__", "start"])
    async def test_of_an_opening(
        self, fake: FakePortAudio, monkeypatch: pytest.MonkeyPatch, at: str
    ) -> None:
        def fails(*_: object, **__: object) -> None:
            raise self.WORDS

        monkeypatch.setattr(FakeStream, at, fails)
        with pytest.raises(AudioDeviceError, match=r"Ger\\xe4t"):
            await anext(Microphone("pulse").blocks())

    def test_of_a_check_and_of_ending_it(
        self, fake: FakePortAudio, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fails(*_: object, **__: object) -> None:
            raise self.WORDS

        for name in ("_terminate", "_initialize", "check_input_settings"):
            monkeypatch.setattr(fake, name, fails, raising=False)
        assert portaudio.look_again()
        assert supported_rates(find_input("pulse")) == []
        with pytest.raises(AudioDeviceError, match="opens at no rate"):
            Microphone("pulse")

    def test_of_the_listing(self, fake: FakePortAudio, monkeypatch: pytest.MonkeyPatch) -> None:
        def fails(*_: object) -> None:
            raise self.WORDS

        monkeypatch.setattr(fake, "query_hostapis", fails, raising=False)
        with pytest.raises(AudioDeviceError, match=r"PortAudio fails: Ger\\xe4t"):
            input_devices()


@pytest.mark.parametrize("rate", [float("nan"), float("inf"), 0.0, -1.0])
def test_a_rate_that_is_none_hides_no_device(fake: FakePortAudio, rate: float) -> None:
    fake.devices[3].rate = rate  # type: ignore[assignment]
    assert [device.name for device in input_devices()] == NAMES
    assert Microphone("pulse").format.rate == 48_000


def test_windows_default_is_taken_by_the_best_host_api(fake: FakePortAudio) -> None:
    name = "Microphone (USB Audio Device of a Headset)"
    fake.devices[:] = [
        FakeDevice("Microsoft Sound Mapper - Input", host_api="MME"),
        FakeDevice(name[:31], host_api="MME"),
        FakeDevice(name, host_api="Windows DirectSound"),
        FakeDevice(name, host_api="Windows WASAPI"),
    ]
    fake.default_input = 1
    assert [device.index for device in input_devices() if device.is_default] == [3]
    assert find_input(None).host_api == "Windows WASAPI"
    assert find_input("USB").host_api == "Windows WASAPI"
    fake.default_input = 0
    assert find_input(None).index == 0


def test_each_thread_of_windows_joins_com_once(monkeypatch: pytest.MonkeyPatch) -> None:
    joined: list[tuple[str, int]] = []

    def begin(_: None, how: int) -> int:
        joined.append((threading.current_thread().name, how))
        return 0

    def join_thrice() -> None:
        for _ in range(3):
            windows.join_com()

    monkeypatch.setattr(windows, "_initializer", lambda: begin)
    for name in ("one", "two"):
        thread = threading.Thread(target=join_thrice, name=name)
        thread.start()
        thread.join()
    assert joined == [("one", 2), ("two", 2)]


def test_devices_that_capture(fake: FakePortAudio) -> None:
    found = input_devices()
    assert [device.name for device in found] == NAMES
    assert [device.is_default for device in found] == [False, False, False, True]
    assert found[1].as_dict() == {
        "index": 1,
        "name": "Kühn USB Audio",
        "host_api": "Fake",
        "channels": 2,
        "default_rate": 48_000,
        "is_default": False,
    }


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        (None, "pulse"),
        ("pulse", "pulse"),
        ("0", "HDA Intel: ALC257 Analog"),
        ("2", "Kühn USB Audio (monitor)"),
        ("alc257", "HDA Intel: ALC257 Analog"),
        ("MONITOR", "Kühn USB Audio (monitor)"),
        # The whole name goes before a part of another's.
        ("Kühn USB Audio", "Kühn USB Audio"),
    ],
)
def test_a_device_by_name_part_or_index(fake: FakePortAudio, wanted: str | None, name: str) -> None:
    assert find_input(wanted).name == name


def test_without_a_default_the_first(fake: FakePortAudio) -> None:
    fake.default_input = -1
    assert find_input(None).name == NAMES[0]


def test_a_part_that_fits_several(fake: FakePortAudio) -> None:
    with pytest.raises(AudioDeviceError) as caught:
        find_input("kühn")
    assert caught.value.message == (
        "'kühn' fits several devices (1: Kühn USB Audio, 2: Kühn USB Audio (monitor))"
    )
    assert caught.value.code == "device_ambiguous"
    assert "index" in caught.value.hint


@pytest.mark.parametrize("wanted", ["Blue Yeti", "9", "4", "Loudspeaker"])
def test_a_device_that_is_not_there(fake: FakePortAudio, wanted: str) -> None:
    with pytest.raises(AudioDeviceError, match=f"no input device '{wanted}'") as caught:
        find_input(wanted)
    assert caught.value.code == "no_device"
    assert "micstream devices" in caught.value.hint


def test_no_device_at_all(fake: FakePortAudio) -> None:
    fake.devices.clear()
    for wanted in (None, "pulse"):
        with pytest.raises(AudioDeviceError, match="no microphone") as caught:
            find_input(wanted)
        assert caught.value.code == "no_device"
        assert caught.value.hint


def test_a_portaudio_that_fails(fake: FakePortAudio) -> None:
    fake.broken = "Error querying device -1"
    with pytest.raises(AudioDeviceError, match="PortAudio fails: Error querying device -1"):
        input_devices()


@pytest.mark.parametrize(
    "device",
    [
        FakeDevice("mono", rates=(16_000, 48_000)),
        FakeDevice("stereo only", 2, rates=(16_000, 48_000), counts=(2,)),
        FakeDevice("floats only", rates=(16_000, 48_000), dtypes=("float32",)),
    ],
    ids=lambda device: device.name,
)
def test_the_rates_of_a_device(fake: FakePortAudio, device: FakeDevice) -> None:
    fake.devices[:] = [device]
    assert supported_rates(find_input("0")) == [16_000, 48_000]


def test_the_double_takes_what_the_real_one_takes() -> None:
    real = portaudio.load()
    double = FakePortAudio([])
    names = ("query_devices", "query_hostapis", "check_input_settings", "default")
    private = ("_terminate", "_initialize")
    for name in (*names, *private, "RawInputStream", "PortAudioError", "CallbackAbort"):
        assert hasattr(real, name)
        assert hasattr(double, name)
    opened_with = set(inspect.signature(real.RawInputStream).parameters)
    fields = {field.name for field in dataclasses.fields(FakeStream)}
    assert {"device", "latency", *fields} - opened_with == {"closed", "thread"}
    asked_with = list(inspect.signature(real.check_input_settings).parameters)
    assert asked_with[:3] == list(inspect.signature(double.check_input_settings).parameters)[:3]
    assert "samplerate" in asked_with


async def test_a_standstill_is_not_waited_for_by_the_loop() -> None:
    go = threading.Event()
    undone: list[tuple[bool, str]] = []

    def undo(result: bool) -> None:
        undone.append((result, threading.current_thread().name))

    working = asyncio.create_task(run_in_audio_thread(lambda: go.wait(5), undo=undo))
    next_one = asyncio.create_task(run_in_audio_thread(lambda: "after it"))
    await asyncio.sleep(0)
    working.cancel()
    assert not next_one.done()
    go.set()
    assert await next_one == "after it"
    await run_in_audio_thread(lambda: None)
    assert undone == [(True, "portaudio")], "what nobody waited for is undone, and not by the loop"


class TestLookAgain:
    """Its list of devices is renewed by ending PortAudio, and every open stream with it."""

    async def test_it_is_refused_under_a_stream_of_ours(self, fake: FakePortAudio) -> None:
        fake.devices[:] = [FakeDevice("m", blocks=[bytes(1_920)] * 9)]
        blocks = Microphone().blocks()
        await anext(blocks)
        assert not portaudio.look_again()
        assert fake.initialised == 0
        await blocks.aclose()
        assert portaudio.look_again()
        assert fake.initialised == 1

    def test_it_is_refused_under_a_stream_of_another_part_of_the_program(
        self, fake: FakePortAudio, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Stream:
            closed = False

        class OutputStream(Stream):
            """Opened by somebody else, whom we do not know."""

        monkeypatch.setattr(fake, "_StreamBase", Stream, raising=False)
        theirs = OutputStream()
        assert not portaudio.look_again()
        theirs.closed = True
        assert portaudio.look_again()

        class HalfMade(Stream):
            """Its device was refused, and somebody keeps the error."""

            @property
            def closed(self) -> bool:  # type: ignore[override]
                raise AttributeError("_ptr")

        half_made = HalfMade()
        assert portaudio.look_again(), half_made

    async def test_a_microphone_that_was_lost_is_found_anew_or_left_alone(
        self, fake: FakePortAudio
    ) -> None:
        """Also while another one is open: then by the list that there is."""
        fake.devices[:] = [
            FakeDevice("one", blocks=[bytes(1_920)] * 3, unplugged=True),
            FakeDevice("two", blocks=[bytes(1_920)] * 3),
        ]
        other = Microphone("two").blocks()
        await anext(other)
        opener = MicrophoneOpener("one")
        async for item in Reopening(opener, backoff=Backoff(0.0)).items():
            if isinstance(item, Opened) and item.again:
                break
        assert fake.initialised == 0
        await other.aclose()

    async def test_another_device_is_never_taken_unasked(self, fake: FakePortAudio) -> None:
        fake.devices[:] = [FakeDevice("mine"), FakeDevice("another")]
        fake.default_input = 0
        opener = MicrophoneOpener()
        assert (await opener.open()).name == "mine"
        del fake.devices[0]
        with pytest.raises(AudioDeviceError, match="no input device 'mine'; there are 'another'"):
            await opener.open(again=True)

    @pytest.mark.parametrize("asked", [None, "USB", "1", "USB Audio: - (hw:1,0)"])
    async def test_it_is_found_under_the_number_of_another_card(
        self, fake: FakePortAudio, asked: str | None
    ) -> None:
        fake.devices[:] = [FakeDevice("HDA: Analog (hw:0,0)"), FakeDevice("USB Audio: - (hw:1,0)")]
        fake.default_input = 1
        opener = MicrophoneOpener(asked)
        assert (await opener.open()).name == "USB Audio: - (hw:1,0)"
        fake.devices[1].name = "USB Audio: - (hw:2,0)"
        fake.devices.reverse()
        fake.default_input = 1
        assert (await opener.open(again=True)).name == "USB Audio: - (hw:2,0)"

    async def test_of_two_of_one_name_never_the_other(self, fake: FakePortAudio) -> None:
        fake.devices[:] = [FakeDevice("USB Audio"), FakeDevice("USB Audio")]
        with pytest.raises(AudioDeviceError, match="fits several"):
            await MicrophoneOpener("USB Audio").open()
        opener = MicrophoneOpener("1")
        assert (await opener.open()).name == "USB Audio"
        del fake.devices[1]
        with pytest.raises(AudioDeviceError, match="namesake"):
            await opener.open(again=True)
