"""What the dialog after a pruning says."""

from __future__ import annotations

from app.pruning.result_dialog import ResultDialog

WIDTHS = {"parameters": 100, "macs": 200}
RESULT = {
    "output": "pruned.pt",
    "before": WIDTHS,
    "after": {"parameters": 50, "macs": 100},
    "layers": [],
    "blocked": [],
    "naive_conflicts": [],
    "verification": {"relative_error": 1e-7, "tolerance": 1e-5, "passed": True, "inputs": 2},
    "repair": None,
    "dtype": "float32",
    "output_size": 500,
    "seconds": 1.5,
}


def test_a_repair_that_failed_is_told(qtbot):
    plain = ResultDialog(RESULT, 1000)
    qtbot.addWidget(plain)
    assert not hasattr(plain, "failed")
    told = ResultDialog({**RESULT, "repair_failed": "There was too little memory."}, 1000)
    qtbot.addWidget(told)
    assert told.failed.text() == (
        "Repair failed, so the file is not repaired. There was too little memory."
    )
