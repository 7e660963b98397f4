"""Run a notebook's code, without Jupyter, and write what it prints into it.

    python scripts/notebook.py docs/notebooks/python-api.ipynb

`--check` writes nothing, and fails where something else is printed than before. Cells tagged
`varies` print what differs between machines.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the tree this script lies in
VARIES = "varies"


def code_cells(notebook: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def varies(cell: Mapping[str, Any]) -> bool:
    return VARIES in cell["metadata"].get("tags", [])


def printed(cell: Mapping[str, Any]) -> str:
    """What a cell printed when it was written."""
    return "".join("".join(output.get("text", [])) for output in cell["outputs"])


def run(notebook: Mapping[str, Any]) -> list[str]:
    """Run all cells in one namespace; return what each prints."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    found = []
    for number, cell in enumerate(code_cells(notebook), 1):
        code = compile("".join(cell["source"]), f"<cell {number}>", "exec")
        with contextlib.redirect_stdout(io.StringIO()) as out:
            exec(code, namespace)
        found.append(out.getvalue())
    return found


def differences(notebook: Mapping[str, Any], outputs: list[str]) -> list[str]:
    """Return what is printed now and was not before, but for cells that vary."""
    return [
        f"cell {number} prints:\n{now}not:\n{printed(cell)}"
        for number, (cell, now) in enumerate(zip(code_cells(notebook), outputs, strict=True), 1)
        if (bool(now) != bool(printed(cell)) if varies(cell) else now != printed(cell))
    ]


def fill(notebook: Mapping[str, Any], outputs: list[str]) -> None:
    """Put outputs into the cells."""
    for number, (cell, text) in enumerate(zip(code_cells(notebook), outputs, strict=True), 1):
        stream = {"name": "stdout", "output_type": "stream", "text": text.splitlines(keepends=True)}
        cell["outputs"] = [stream] if text else []
        cell["execution_count"] = number


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("notebook", type=Path)
    parser.add_argument("--check", action="store_true", help="only compare; write nothing")
    options = parser.parse_args()
    notebook = json.loads(options.notebook.read_text("utf-8"))
    outputs = run(notebook)
    if options.check:
        found = differences(notebook, outputs)
        print("\n".join(found) or "The notebook prints what it shows.")
        return int(bool(found))
    fill(notebook, outputs)
    text = json.dumps(notebook, indent=1, ensure_ascii=False)
    options.notebook.write_text(f"{text}\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
