"""What can go from the open network besides channels, and why the rest cannot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.plan.schema import Plan

LAST = "At least one scale must stay."


@dataclass(frozen=True, slots=True)
class Part:
    """A unit of a block, a branch of the head, or a detection scale.

    Attributes
    ----------
    kind : str
        ``unit``, ``branch`` or ``scale``.
    block : int
        The block that it is in.
    place : int
        Of a unit among those of its block; the stride of a scale; -1 for a branch.
    modules : tuple of str
        Dotted names of the modules that go with it.
    type : str
        Class of the module.
    source : int
        Block that a scale reads; -1 for any other.
    feeds : tuple of int
        Blocks that feed a scale alone, and go with it.
    reason : str
        Why the network cannot do without it; empty where it can.
    """

    kind: str
    block: int
    place: int
    modules: tuple[str, ...]
    type: str = ""
    source: int = -1
    feeds: tuple[int, ...] = ()
    reason: str = ""

    @property
    def inner_name(self) -> str:
        """Name of a unit or branch within its block."""
        return self.modules[0].split(".", 2)[2] if self.kind != "scale" else ""

    @property
    def title(self) -> str:
        """What lists call it."""
        if self.kind == "scale":
            return f"Scale of stride {self.place}"
        return f"{self.kind.capitalize()} {self.inner_name}"

    @property
    def short(self) -> str:
        """How menus of its block call it."""
        return f"{self.kind} {self.inner_name}" if self.kind != "scale" else self.label

    @property
    def label(self) -> str:
        """How edits and messages call it."""
        if self.kind == "scale":
            return f"the scale of stride {self.place}"
        return f"{self.kind} {self.inner_name} of block {self.block}"

    def holds(self, layer: str) -> bool:
        """Whether a layer, by its dotted name, is in it."""
        return any(f"{layer}.".startswith(f"{name}.") for name in self.modules)


@dataclass(frozen=True, slots=True)
class Parts:
    """All parts of a network.

    Attributes
    ----------
    parts : tuple of Part
    classes : bool
        Whether some of its classes can be kept alone.
    """

    parts: tuple[Part, ...] = ()
    classes: bool = False

    def of_block(self, block: int) -> list[Part]:
        """Return the parts in a block, scales first."""
        own = [part for part in self.parts if part.block == block]
        return sorted(own, key=lambda part: part.kind != "scale")

    def with_layer(self, layer: str) -> Part | None:
        """Return the unit or branch that a layer is in; None where it is in none."""
        return next((p for p in self.parts if p.kind != "scale" and p.holds(layer)), None)

    def scale_of(self, layer: str) -> Part | None:
        """Return the scale that a layer of the head works for alone."""
        return next((p for p in self.scales if p.holds(layer)), None)

    @property
    def scales(self) -> list[Part]:
        """The detection scales."""
        return [part for part in self.parts if part.kind == "scale"]


def parts_from(result: Mapping[str, Any]) -> Parts:
    """Read what the engine's task ``parts`` found."""
    units = [Part("unit", u["block"], u["place"], (u["name"],), u["type"]) for u in result["units"]]
    branches = [Part("branch", b["block"], -1, (b["name"],), b["type"]) for b in result["branches"]]
    scales = [
        Part(
            "scale",
            int(result["head"]),
            int(s["stride"]),
            tuple(s["modules"]),
            source=int(s["source"]),
            feeds=tuple(s["feeds"]),
            reason=str(s["reason"]),
        )
        for s in result["scale_facts"]
    ]
    return Parts((*units, *branches, *scales), bool(result["classes"]))


def is_gone(part: Part, plan: Plan) -> bool:
    """Whether a plan takes a part away by name."""
    for entry in plan.structure:
        if part.kind == "scale" and entry.scale == part.place:
            return True
        if part.kind == "unit" and entry.block == part.block and part.place in (entry.units or ()):
            return True
        if part.kind != "scale" and entry.branch == part.modules[0]:
            return True
    return False


def reason_to_stay(part: Part, parts: Parts, plan: Plan) -> str:
    """Say why a part cannot go now; empty where it can."""
    if part.reason:
        return part.reason
    locked = _lock(part, plan.locked)
    if locked:
        return f"{locked} is locked: unlock it first."
    scales = [other for other in parts.scales if not is_gone(other, plan)]
    if part.kind == "scale" and scales == [part]:
        return LAST
    if part.kind != "scale":
        gone = [s for s in parts.scales if is_gone(s, plan) and s.holds(part.modules[0])]
        gone += [s for s in parts.scales if is_gone(s, plan) and part.block in s.feeds]
        if gone:
            return f"It goes with {gone[0].label}."
    return ""


def _lock(part: Part, locked: Iterable[int | str]) -> str:
    """Name what is locked and would go with a part."""
    blocks = part.feeds if part.kind == "scale" else (part.block,)
    prefixes = tuple(f"model.{block}." for block in blocks)
    for item in locked:
        if isinstance(item, int):
            if item in blocks:
                return f"Block {item}"
        elif (part.kind == "scale" and prefixes and item.startswith(prefixes)) or (
            part.kind != "scale" and (part.holds(item) or part.modules[0].startswith(f"{item}."))
        ):
            return item
    return ""
