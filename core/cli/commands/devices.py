"""The command on devices whose milliseconds were measured: list, rename and forget them."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from core.cli.commands import Add, Command
from core.errors import UserError
from core.system.columns import laid_out
from core.system.visible import visible

ACTIONS = {
    "list": "list the devices (usual)",
    "rename": "give one another name",
    "forget": "forget one, with its latency tables",
}
USAGE = {"rename": "devices rename DEVICE NAME", "forget": "devices forget DEVICE"}


def add_parsers(add: Add) -> None:
    """Add the parser."""
    parser = add("devices", "List the devices whose milliseconds were measured.", model=None)
    text = "; ".join(f"{name}: {what}" for name, what in ACTIONS.items())
    parser.add_argument(
        "action", nargs="?", default="list", choices=list(ACTIONS), metavar="ACTION", help=text
    )
    parser.add_argument("device", nargs="?", metavar="DEVICE", help="its name or address")
    parser.add_argument("name", nargs="?", metavar="NAME", help="rename: the new name")


def _devices(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from core.plan.latency.devices import forget, known_devices, rename

    given = 1 + (options.device is not None) + (options.name is not None)
    wanted = len(USAGE[options.action].split()) - 1 if options.action in USAGE else 1
    if given != wanted:
        usage = USAGE.get(options.action, "devices")
        raise UserError(
            f"`devices {options.action}` takes other arguments.", f"Usage: `secateur {usage}`."
        )
    if options.action == "rename":
        renamed = rename(options.device, options.name)
        return {"device": renamed.model_dump()}, f"{renamed.address} is called {renamed.name}."
    if options.action == "forget":
        gone, tables = forget(options.device)
        many = "1 latency table" if tables == 1 else f"{tables} latency tables"
        data = {"device": gone.model_dump(), "tables": tables}
        return data, f"{gone.name} was forgotten, with {many}."
    devices = known_devices()
    rows = [("name", "address", "processor", "cores", "measured")]
    rows += [
        (d.name, d.address, visible(d.processor), str(d.cores), d.measured[:10]) for d in devices
    ]
    hint = "No other device was measured. `secateur latency-table MODEL --on ssh://user@host`"
    text = laid_out(rows) if devices else f"{hint} measures one."
    return {"devices": [device.model_dump() for device in devices]}, text


COMMANDS: Mapping[str, Command] = {"devices": _devices}
