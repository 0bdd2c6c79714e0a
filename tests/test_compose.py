"""compose.yaml names what there is: commands, variables, files, and what each service waits for."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import typer.main
from typer.core import TyperGroup

from micstream.cli.app import app
from micstream.demo.binary import VERSION
from micstream.settings import table as knobs
from tools.compose import FILE, VARIABLE, in_order, services
from tools.image_check import instructions

ROOT = FILE.parent
TEXT = FILE.read_text("utf-8")
SERVICES = services()
OURS = {name: each for name, each in SERVICES.items() if "build" in each.said}
PROFILES = {
    "demo": {"livekit", "avatar", "play", "stage"},
    "live": {"live"},
    "avaluma": {"avaluma"},
    "agent2": {"livekit", "avatar", "agent2", "sender", "stage"},
}

SETTINGS = {name for knob in knobs.KNOBS for name in (knob.variable, *knob.also)}
SECRETS = {name for knob in knobs.KNOBS if knob.secret for name in (knob.variable, *knob.also)}
OTHERS = {
    "LIVEKIT_CONFIG": "livekit-server's own",
    "PULSE_SERVER": "PulseAudio's own",
    "MICSTREAM_AVATARS": "micstream/demo/avatar_server.py",
    "MICSTREAM_AVATAR_SERVER": "micstream/demo/avatar_server.py",
    "AGENT2_SOUND": "examples/agent2/agent.py",
}


def test_the_profiles() -> None:
    for profile, names in PROFILES.items():
        assert {name for name, each in SERVICES.items() if profile in each.profiles} == names
        assert f"#   {profile} " in TEXT
        assert f"--profile {profile} " in (ROOT / "docs/containers.md").read_text("utf-8")
    assert {name for each in SERVICES.values() for name in each.profiles} == set(PROFILES)


@pytest.mark.parametrize(
    "name", [name for name, each in OURS.items() if each.entrypoint is None and each.command]
)
def test_each_command_of_ours_is_understood(name: str) -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    command, *arguments = SERVICES[name].command
    assert group.commands[command].make_context(command, arguments).params
    check = SERVICES[name].check
    assert check is not None
    if check[0] == "micstream":
        avatar = group.commands[check[1]]
        assert isinstance(avatar, TyperGroup)
        assert avatar.commands[check[2]].make_context(check[2], check[3:]).params


def test_each_program_is_there() -> None:
    for each in OURS.values():
        if each.entrypoint is not None:
            assert each.entrypoint[0] == "python"
            module = each.entrypoint[-1]
            file = module if module.endswith(".py") else f"{module.replace('.', '/')}.py"
            assert (ROOT / file).is_file()
        if each.check is not None and each.check[0] == "python":
            ast.parse(each.check[2])


def test_the_file_that_is_played_is_in_the_image() -> None:
    copied = [rest.split() for name, rest in instructions() if name == "COPY"]
    (played,) = {word for each in OURS.values() for word in each.command if word.endswith(".wav")}
    assert [played, "assets/"] in copied


def test_each_variable_is_known() -> None:
    for name, each in SERVICES.items():
        unknown = each.environment.keys() - SETTINGS - OTHERS.keys()
        assert not unknown, f"{name}: nobody reads {unknown}"
    for name, file in OTHERS.items():
        if file.endswith(".py"):
            assert name in (ROOT / file).read_text("utf-8")


def test_no_secret_is_in_it() -> None:
    for each in SERVICES.values():
        assert not {name for name in each.environment.keys() & SECRETS if each.environment[name]}
    assert not re.search("devkey|--dev", TEXT)


def test_what_it_asks_of_the_environment_can_be_left_out() -> None:
    """Compose puts variables in before it looks at profiles: one that must be set stops all."""
    bare = re.sub(r"^\s*#.*$", "", TEXT, flags=re.MULTILINE)
    assert "$" not in VARIABLE.sub("", bare)
    assert services({"AS_USER": "7:8"})["live"].said["user"] == "7:8"


def test_the_servers_version_is_the_one_that_is_tested() -> None:
    assert SERVICES["livekit"].said["image"] == f"livekit/livekit-server:v{VERSION}"


@pytest.mark.parametrize("name", [name for name in SERVICES if name != "avaluma"])
def test_each_is_sealed_and_watched(name: str) -> None:
    said = SERVICES[name].said
    assert said["restart"] == "unless-stopped"
    assert said["init"] is True
    assert said["read_only"] is True
    assert said["cap_drop"] == ["ALL"]
    assert said["security_opt"] == ["no-new-privileges:true"]
    assert said["healthcheck"]["start_period"]


@pytest.mark.parametrize("profile", PROFILES)
def test_each_waits_for_the_health_of_what_is_there(profile: str) -> None:
    assert {each.name for each in in_order(SERVICES, profile)} == PROFILES[profile]
    for each in in_order(SERVICES, profile):
        for name, how in each.needs.items():
            assert how["condition"] == "service_healthy"
            assert SERVICES[name].check
            assert name in PROFILES[profile]


def test_what_is_mounted_is_there() -> None:
    for each in OURS.values():
        for volume in each.said.get("volumes", ()):
            if isinstance(volume, str):
                source, target, mode = volume.split(":")
                assert (ROOT / source).is_file()
                assert mode == "ro"
                assert Path(target) == Path("/home/micstream") / source
