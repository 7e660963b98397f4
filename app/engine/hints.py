"""What to do about an error, in the words of the window: the engine's name commands and options.

The engine and the command line share their errors. Where a hint names a command or an option, the
window has a control for the same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

TRUSTED = "File › Trusted modules"
RULES: Sequence[tuple[str, str]] = (
    # Modules of the user's own.
    (r"(defines (?:it|them)): `secateur trust add [^`]*`", rf"\1 in {TRUSTED}"),
    (r"\b(again)(?: with|:) `secateur trust add [^`]*`", rf"\1 in {TRUSTED}"),
    (r"(Remove [^`]*) with `(?:secateur trust remove[^`]*|\{\})`(, or choose a name with --as)?",
     rf"\1 in {TRUSTED}"),
    (r"Give it a name with --as, as the checkpoint spells it: my_modules, for example\.",
     "Give the file a name that Python can import: my_modules.py, for example."),
    # Data.
    (r"use --same-classes;", "drop it on the window and press The same classes;"),
    (r"give the model those of the dataset with `secateur retarget`",
     "drop it on the window and press New class outputs"),
    (r"Pass (a dataset)(?: YAML)?( similar to the training data)?(?: \(--data\)| with --data)",
     r"Choose \1\2"),
    (r" \(in Python, [\w.]+\)", ""),
    (r"Use more images \(--images\)", "Use more images"),
    # Plans and files.
    (r"with `secateur prune`", "with Prune"),
    (r"Pass the plan with --plan\.", "Open the project with its plan."),
    (r"Use `secateur predict` with its plan on the original",
     "Open the original with its plan"),
    (r"Prune without --repair", "Prune without repair"),
    (r"confirm them with --trust-paths, or by opening the project in the window",
     "confirm them when you open the project"),
    (r"Choose another with --out\.", "Choose another folder."),
    (r"(Search in a folder on a disk that the nodes share) \(--out\)\.", r"\1."),
    # Time.
    (r"Measure one: `secateur latency-table [^`]*`", "Add one in Latency"),
    (r"(Measure its latency table again|Write an archive for it) with `secateur latency-[^`]*`",
     r"\1 in Latency"),
    (r"`secateur latency` measures", "Latency measures"),
    (r"(Measure on the CPU): --device cpu", r"\1"),
    (r"Add --runtime torch\.", "Choose the runtime PyTorch as well."),
    # Export.
    (r"`secateur export --int8` has other formats", "Export has other formats"),
    (r"`secateur inspect` lists all", "the graph shows all"),
    (r"use `secateur quantize --aware`", "train for INT8 in Export"),
    # Jobs and tuning.
    (r"Continue it with `secateur jobs resume [^`]*`", "Resume it in Jobs"),
    (r"`secateur jobs` lists all jobs", "Jobs lists all jobs"),
    (r"To follow it: `secateur jobs show`", "Jobs shows it"),
    (r"`secateur arguments` lists all\.", "The table lists all."),
    (r"Choose --distill outputs\.", "Choose “outputs” in Distill."),
    (r"\buse --data\b", "choose the dataset in Data"),
    (r"\buse --(device|teacher)\b", r"choose the \1 in Fine-tune"),
    (r"\buse --minutes\b", "set the duration in Fine-tune"),
    (r"\buse --resume\b", "resume the job in Jobs"),
    (r"\buse --folder\b", "it is the folder of the job"),
)  # fmt: skip
"""Patterns of what the engine says, and what the window says in its place."""
NAMES = re.compile(r"`secateur |(?<![\w-])(?<!pip install )--[a-z]")
"""What a text has that names the command line of Secateur."""
_RULES = [(re.compile(pattern), words) for pattern, words in RULES]


def in_window(text: str) -> str:
    """Return a hint with the window's own controls in the place of commands and options.

    Parameters
    ----------
    text : str
        One or more sentences; what names no command comes back as it is.
    """
    if not NAMES.search(text):
        return text
    for pattern, words in _RULES:
        text = pattern.sub(words, text)
    return text
