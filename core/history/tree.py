"""A history as it is read: a tree, what each step was in words, and what it costs. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.data.figures import MAIN
from core.history.measurements import ACCURACY, Measurement, read_measurements
from core.history.nodes import Node, maker_of, read_nodes, says
from core.plan.cost import COST, gflops
from core.system.columns import laid_out

WORDS = {
    "model": "",
    "prune": "Pruned",
    "tune": "Fine-tuned",
    "quantize": "Quantised",
    "evaluate": "Measured",
}
MAKERS = ("prune", "tune", "quantize")


@dataclass(frozen=True, slots=True)
class Branch:
    """A step with the results.

    Attributes
    ----------
    node : Node
    children : tuple of Branch
        Oldest first.
    cost : mapping of str to float
        ``parameters`` and ``macs`` of its file, as far as the step or one before it tells.
    """

    node: Node
    children: tuple[Branch, ...]
    cost: Mapping[str, float]

    @property
    def figure(self) -> float | None:
        """The main figure measured in this step, or after it, of the same file."""
        measured = [child.node for child in self.children if child.node.kind == "evaluate"]
        for node in (self.node, *reversed(measured)):
            for key in MAIN:
                if key in node.figures:
                    return node.figures[key]
        return None


@dataclass(frozen=True, slots=True)
class History:
    """All that a history holds.

    Attributes
    ----------
    nodes : tuple of Node
        The steps as they were written, oldest first.
    measurements : tuple of Measurement
        Of several networks at once, oldest first.
    branches : tuple of Branch
        Both as trees.
    """

    nodes: tuple[Node, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    branches: tuple[Branch, ...] = ()


def read_history(folder: str | Path) -> History:
    """Read a history.

    Raises
    ------
    UserError
        When a newer Secateur wrote it.
    """
    nodes, measurements = read_nodes(folder), read_measurements(folder)
    steps = with_compared(nodes, measurements)
    return History(nodes, measurements, tree(steps, Path(folder).name))


def with_compared(nodes: Sequence[Node], measurements: Iterable[Measurement]) -> list[Node]:
    """Return the steps with what comparisons measured of each, as steps that measured it alone.

    What a step says already, just before or after, is not said again: version 0.1 kept both.
    """
    told = sorted([*nodes, *_compared(nodes, measurements)], key=lambda node: (node.date, node.id))
    written = {node.id for node in nodes}
    by_file: dict[str | None, list[Node]] = {}
    for node in told:
        if node.kind == "evaluate":
            by_file.setdefault(node.parent, []).append(node)
    again: set[str] = set()
    for own in by_file.values():
        for number, node in enumerate(own):
            near = [
                n for n in own[max(0, number - 1) : number + 2] if n.id not in again | {node.id}
            ]
            if node.id not in written and any(_alike(node, other) for other in near):
                again.add(node.id)
    return [node for node in told if node.id not in again]


def _compared(nodes: Sequence[Node], measurements: Iterable[Measurement]) -> Iterator[Node]:
    for measurement in measurements:
        if measurement.measured != ACCURACY:
            continue
        result = measurement.result
        for number, model in enumerate(result.get("models") or ()):
            maker = maker_of(nodes, str(model.get("sha256"))) or _named(nodes, model)
            if maker is None:
                continue
            looked_at = {key: result.get(key) for key in ("data", "split", "image_size")}
            yield Node(
                id=f"{measurement.id}-{number}",
                parent=maker.id,
                kind="evaluate",
                file=maker.file,
                sha256=maker.sha256,
                date=measurement.date,
                figures=dict(model.get("figures") or {}),
                details={**looked_at, "images": model.get("images")},
            )


def _named(nodes: Sequence[Node], model: Mapping[str, Any]) -> Node | None:
    """Return the step of a description that is no file, and has no hash."""
    own = (n for n in nodes if n.sha256 is None and n.kind == "model" and n.file)
    return next((node for node in own if node.file == model.get("path")), None)


def _alike(node: Node, other: Node) -> bool:
    """Whether two measurements say the same; version 0.1 kept no more than the dataset's name."""

    def told(one: Node) -> tuple[dict[str, float], dict[str, Any]]:
        figures, details = says(one)
        return figures, {**details, "data": Path(str(details.get("data"))).name}

    return told(node) == told(other)


def tree(nodes: Sequence[Node], origin: str = "") -> tuple[Branch, ...]:
    """Return the steps of a history as trees.

    A file that was brought in by hand, and is what another step made, is that step.

    Parameters
    ----------
    nodes : sequence of Node
        Oldest first, as `core.history.nodes.read_nodes` has them.
    origin : str
        The beginning of the hash of the first file, if known: what has no
        beginning of its own grows from that file.
    """
    same = _same(nodes)
    root = next((n.id for n in nodes if origin and (n.sha256 or "").startswith(origin)), None)
    root = same.get(root, root) if root is not None else None
    known = {node.id for node in nodes if node.id not in same}
    children: dict[str | None, list[Node]] = {}
    for node in nodes:
        if node.id in same:
            continue
        parent = same.get(node.parent, node.parent) if node.parent is not None else None
        # A step without its beginning is a beginning itself; so is one that names itself.
        parent = parent if parent in known and parent != node.id else None
        if parent is None and node.id != root:
            parent = root
        children.setdefault(parent, []).append(node)

    def grow(node: Node, cost: Mapping[str, float]) -> Branch:
        own: dict[str, float] = {key: node.figures[key] for key in COST if key in node.figures}
        # What is pruned costs something else; tuning and measuring change nothing.
        told = own if node.kind == "prune" else {**cost, **own}
        below = tuple(grow(child, told) for child in children.get(node.id, ()))
        return Branch(node, below, told)

    return tuple(grow(node, {}) for node in children.get(None, ()))


def _same(nodes: Sequence[Node]) -> dict[str, str]:
    """Return which nodes represent a file that another one made, or that was there before."""
    makers = {n.sha256: n.id for n in nodes if n.sha256 and n.kind in MAKERS}
    first: dict[str, str] = {}
    same = {}
    for node in nodes:
        if node.kind != "model" or node.sha256 is None:
            continue
        maker = makers.get(node.sha256, first.setdefault(node.sha256, node.id))
        if maker != node.id:
            same[node.id] = maker
    return same


def walk(branches: Sequence[Branch], depth: int = 0) -> Iterator[tuple[int, Branch]]:
    """Go through trees from top to bottom, with how deep each step is."""
    for branch in branches:
        yield depth, branch
        yield from walk(branch.children, depth + 1)


def find(branches: Sequence[Branch], sha256: str) -> Branch | None:
    """Return the newest step that a file with this hash resulted from."""
    own = [b for _, b in walk(branches) if b.node.sha256 == sha256 and b.node.kind != "evaluate"]
    made = [branch for branch in own if branch.node.kind in MAKERS]
    found = made or own
    return found[-1] if found else None


def title(node: Node) -> str:
    """Describe what a step was, and the results, in a few words."""
    name = Path(node.file).name if node.file else ""
    if node.title:
        return node.title
    if node.kind == "evaluate":
        return f"Measured{_on(node.details)}"
    return ": ".join(part for part in (WORDS[node.kind], name) if part)


def _on(details: Mapping[str, Any]) -> str:
    """Describe which images a measurement looked at."""
    images, split, data = details.get("images"), details.get("split"), details.get("data")
    words = " of ".join(str(part) for part in (split, data and Path(str(data)).name) if part)
    count = f" ({images:,} images)" if isinstance(images, int) else ""
    return f" on {words}{count}" if words else count


def json_of(branches: Sequence[Branch]) -> list[dict[str, Any]]:
    """Return trees as plain data, from top to bottom: every step with its depth and its cost."""
    return [
        {
            **branch.node.model_dump(mode="json"),
            "depth": depth,
            "words": title(branch.node),
            "cost": dict(branch.cost),
        }
        for depth, branch in walk(branches)
    ]


def text_of(branches: Sequence[Branch]) -> str:
    """Draw trees for people: every step with its figure, its cost and its date."""
    rows = [["step", "accuracy", "parameters", "GFLOPs", "date (UTC)"]]
    for branch in branches:
        rows += _rows(branch, branch.cost, "", "")
    return laid_out(rows, "lrrrr")


def _rows(branch: Branch, first: Mapping[str, float], lead: str, below: str) -> list[list[str]]:
    figure = branch.figure
    row = [
        lead + title(branch.node),
        "" if figure is None else f"{figure:.4f}",
        *(_cost(branch, first, key) for key in COST),
        branch.node.date[:16].replace("T", " "),
    ]
    rows = [row]
    for number, child in enumerate(branch.children, 1):
        last = number == len(branch.children)
        lead, more = ("└─ ", "   ") if last else ("├─ ", "│  ")
        rows += _rows(child, first, below + lead, below + more)
    return rows


def _cost(branch: Branch, first: Mapping[str, float], key: str) -> str:
    """Write a cost, and its change from the beginning; nothing for what only measures."""
    value, whole = branch.cost.get(key), first.get(key)
    if value is None or branch.node.kind == "evaluate":
        return ""
    change = f" ({value / whole - 1:+.0%})" if whole and value != whole else ""
    text = gflops(value) if key == "macs" else f"{value:,.0f}"
    return f"{text}{change}"
