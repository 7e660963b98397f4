"""Addresses of devices, and the list of those that are known."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cli.main import main
from core.errors import UserError
from core.plan.latency.devices import (
    Device,
    device_of,
    devices_file,
    find_device,
    forget,
    known_devices,
    remember,
    rename,
)
from core.plan.schema import Plan
from core.ship.devices.ssh import Address


def device(name: str, address: str) -> Device:
    return Device(name=name, address=address, processor="CPU", cores=4, libraries={"ncnn": None})


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.parametrize(
    "text",
    ["ssh://pi", "ssh://me@pi", "ssh://me@pi.local:2222", "ssh://[::1]:22", "ssh://10.0.0.1"],
)
def test_addresses(text: str) -> None:
    assert str(Address.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "pi", "", "ssh://", "http://pi", "ssh://pi/folder", "ssh://pi:99999", "ssh://pi:x",
        "ssh://-oProxyCommand=touch", "ssh://-l@pi", "ssh://me:secret@pi", "ssh://pi?x",
        "ssh://a b", "ssh://pi;reboot", "ssh://$(reboot)", "ssh://[::1",
    ],
)  # fmt: skip
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(UserError, match="is not an address of a device"):
        Address.parse(text)


@given(st.text())
def test_no_address_is_an_option_of_ssh(text: str) -> None:
    try:
        command = Address.parse(f"ssh://{text}").command()
    except UserError:
        return
    host = command[command.index("--") + 1]
    assert not host.startswith("-") and not any(c.isspace() or c in ";$`'\"\\" for c in host)


def test_devices_are_named_renamed_and_forgotten(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices"]) == 0 and "No other device" in capsys.readouterr().out
    for address in ("ssh://pi", "ssh://me@pi", "ssh://nano"):
        remember(device(Address.parse(address).host, address))
    assert [d.name for d in known_devices()] == ["nano", "pi", "pi 2"]
    remember(device("pi", "ssh://me@pi").model_copy(update={"cores": 8}))
    assert device_of("pi 2").cores == 8
    assert main(["devices", "rename", "pi 2", "kitchen"]) == 0
    assert device_of("kitchen").address == "ssh://me@pi"
    for wrong in ("pi", "", "-x", "a\nb", "x" * 65):
        with pytest.raises(UserError):
            rename("kitchen", wrong)
    assert main(["devices", "forget", "ssh://pi"]) == 0
    assert find_device("ssh://pi") is None
    capsys.readouterr()
    assert main(["devices", "--json"]) == 0
    assert [d["name"] for d in json.loads(capsys.readouterr().out)["devices"]] == [
        "kitchen",
        "nano",
    ]
    with pytest.raises(UserError, match=r"No device is known as “pi”\. Known: kitchen, nano"):
        forget("pi")


@pytest.mark.parametrize("arguments", [["rename", "pi"], ["forget"], ["list", "pi"]])
def test_other_arguments(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices", *arguments]) != 0
    assert "Traceback" not in capsys.readouterr().err


@given(st.one_of(st.binary(max_size=40), st.builds(lambda v: json.dumps(v).encode(), st.recursive(
    st.none() | st.integers() | st.text(max_size=3), lambda v: st.lists(v) | st.dictionaries(
        st.sampled_from(["name", "address", "cores"]), v), max_leaves=5))))  # fmt: skip
def test_a_damaged_list_is_no_fault(content: bytes) -> None:
    devices_file().parent.mkdir(parents=True, exist_ok=True)
    devices_file().write_bytes(content)
    known_devices()


def test_a_bad_entry_leaves_the_others() -> None:
    remember(device("pi", "ssh://pi"))
    listed = json.loads(devices_file().read_text("utf-8"))
    listed += [{"name": "x"}, 3, None, {**listed[0], "address": "ssh://b", "cores": -1}]
    devices_file().write_text(json.dumps(listed), "utf-8")
    assert [d.name for d in known_devices()] == ["pi"]


@pytest.mark.parametrize(
    "words", [["latency", "--device", "cpu"], ["latency-table", "--device", "cuda"],
              ["latency-table", "--half"]]
)  # fmt: skip
def test_what_is_of_this_machine_alone(words, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([words[0], "yolov8n.yaml", "--on", "ssh://nobody.invalid", *words[1:]]) == 1
    assert "Leave out --device and --half." in capsys.readouterr().err


def test_a_plan_names_its_device_only_where_it_has_one() -> None:
    assert "device" not in Plan().to_json()
    assert Plan(device="pi").to_json()["device"] == "pi"
