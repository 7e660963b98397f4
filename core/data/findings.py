"""What a check of a dataset found, and the rules by which it judges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SHOWN = 20
"""How many files of one kind of trouble are named."""
Detail = dict[str, str]


@dataclass
class Findings:
    """Troubles in the order found; an error makes training impossible, a warning only worse."""

    problems: list[dict[str, Any]] = field(default_factory=list)

    def error(self, message: str, hint: str = "", details: Iterable[Detail] = ()) -> None:
        """Note what must be mended; ``details`` name an ``image`` each, and a ``text``."""
        self._add("error", message, hint, details)

    def warning(self, message: str, hint: str = "", details: Iterable[Detail] = ()) -> None:
        """Note what should be looked at."""
        self._add("warning", message, hint, details)

    def _add(self, severity: str, message: str, hint: str, details: Iterable[Detail]) -> None:
        told = list(details)[:SHOWN]
        problem = {"severity": severity, "message": message, "hint": hint, "details": told}
        self.problems.append(problem)

    @property
    def usable(self) -> bool:
        """Whether there is no error."""
        return all(problem["severity"] != "error" for problem in self.problems)


def judge_split(name: str, split: Mapping[str, Any], found: Findings) -> None:
    """Judge the counts of one split, as `core.data.check` gathers them."""
    if not split["objects"]:
        found.error(
            f"No image of the split “{name}” has a labelled object.",
            "Check that the labels lie where Ultralytics looks for them (images → labels).",
            [{"image": image, "text": f"looked for {label}"} for image, label in split["looked"]],
        )
    if split["unreadable"]:
        found.warning(
            f"{many(split['unreadable'], 'image')} of “{name}”, or the labels, cannot be read.",
            "What cannot be read is left out. Mend or remove it.",
            split["unreadable_files"],
        )
    if split["noted"]:
        found.warning(
            f"{many(len(split['noted']), 'label file')} of “{name}” corrected in memory.",
            "On disk all stays as it is.",
            split["noted"],
        )
    if split["objects"] and split["background"] > split["labelled"]:
        found.warning(f"More than half of the images of “{name}” have no labelled object.")


def judge_classes(
    names: Mapping[int, str], splits: Mapping[str, Mapping[str, Any]], found: Findings
) -> None:
    """Say which classes cannot be learnt, or not be measured."""
    if "train" not in splits or not splits["train"]["objects"]:
        return
    learnt = splits["train"]["classes"]
    unseen = [name for name in names.values() if not learnt.get(name)]
    if unseen:
        found.warning(
            f"{len(unseen)} of {len(names)} classes have no object in the split “train”:"
            f" {shortened(unseen)}.",
            "A network forgets what it is not shown. Add images of them if they matter.",
        )
    for other, split in splits.items():
        strange = [name for name in split["classes"] if name in unseen]
        if other != "train" and strange:
            found.warning(
                f"“{other}” has {many(len(strange), 'class')} that “train” has not:"
                f" {shortened(strange)}.",
                "What is measured there was not trained on.",
            )


def many(count: int, thing: str) -> str:
    """Write a number of things: 1 image, 2 images, 2 classes."""
    ending = "" if count == 1 else "es" if thing.endswith("s") else "s"
    return f"{count} {thing}{ending}"


def shortened(names: Sequence[str], shown: int = 5) -> str:
    """Name the first few, and how many more there are."""
    more = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {more} more" if more > 0 else "")


def compare_classes(names: Mapping[int, str], classes: Mapping[int, str], found: Findings) -> None:
    """Hold the classes of a dataset against a model's; both go by number."""
    if len(names) != len(classes):
        found.error(
            f"The dataset has {len(names)} classes and the model {len(classes)}.",
            "Use data with the classes the model was trained for.",
        )
        return
    pairs = [(n, names.get(n), str(classes.get(n))) for n in sorted(classes)]
    other = [pair for pair in pairs if str(pair[1]).casefold() != pair[2].casefold()]
    if not other:
        return
    number, mine, theirs = other[0]
    text = f"{len(other)} classes have other names than the model's; {number} is “{mine}”, the"
    text += f" model's “{theirs}”."
    known = {name.casefold() for *_, name in pairs}
    if {str(name).casefold() for name in names.values()} & known:
        found.warning(text, "Check that the order is the same.")
    else:
        found.error(text, "Use data with the classes the model was trained for.")


def compare_folders(names: Iterable[str], classes: Mapping[int, str], found: Findings) -> None:
    """Hold folders of a class each against a model's classes; both go by name."""
    known = {str(name).casefold() for name in classes.values()}
    strange = sorted(name for name in names if name.casefold() not in known)
    if strange:
        found.error(
            f"The model does not know the classes {shortened(strange)}.",
            "Name the folders like the model's classes.",
        )
