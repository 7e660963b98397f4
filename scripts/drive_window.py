"""A window that works automatically: the part of the user in scripts/kill_runs.py.

    python scripts/drive_window.py PROJECT.secateur SETTINGS.json

Opens the project in Secateur's own window, starts the fine-tuning it has none of yet, resumes the
one that was interrupted, and edits and saves the plan all the while. Ends with 0 once the tuning is
done.
"""

from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QApplication

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the tree this script lies in

from app.files.feature import FilesFeature
from app.state import plan_edits
from app.state.files import job_places
from app.tune.feature import TuneFeature
from app.window.main_window import MainWindow
from core.runs.folder import list_jobs
from core.runs.tail import RunEntry

EDIT_MS = 50
BLOCK = 4


class Driver(QObject):
    """Does at every turn what the user would do next."""

    def __init__(self, window: MainWindow, settings: dict[str, Any]) -> None:
        super().__init__(window)
        self.window, self.settings = window, settings
        self.runs = window.context.jobs
        self.asked = False
        self.ratios = itertools.cycle((0.25, 0.5))
        for signal in (
            window.engine.failed,
            self.runs.failed,
            self.runs.started,
        ):
            signal.connect(self._answered)
        window.session.messageRaised.connect(lambda m: print(m.kind, m.text, m.hint, flush=True))
        self.timer = QTimer(self, interval=EDIT_MS)
        self.timer.timeout.connect(self.turn)
        self.timer.start()

    def _answered(self, *_what: object) -> None:
        self.asked = False

    def turn(self) -> None:
        session = self.window.session
        if session.model is None or session.project_path is None:
            return
        session.edit(plan_edits.set_ratio(session.plan, (BLOCK,), next(self.ratios)))
        self.window.features[FilesFeature].documents.save()
        place = job_places(session)[-1]
        entry = self._entry(str(place))
        if entry is None:
            # A window that has just opened may not have listed yet what a killed one began.
            if not self.asked and not list_jobs(place):
                self.asked = True
                self.window.features[TuneFeature].controller.start(self.settings)
        elif entry.state == "done":
            self.timer.stop()
            self.window.close()
        elif entry.state == "failed":
            print(entry.message, entry.hint, flush=True)
            QApplication.exit(3)
        elif not entry.active and not self.asked:
            self.asked = True
            self.runs.resume(entry.folder)

    def _entry(self, place: str) -> RunEntry | None:
        return next((e for e in self.runs.entries if e.folder.startswith(place)), None)


def main() -> int:
    project, settings = sys.argv[1:]
    QApplication.setApplicationName("secateur")
    application = QApplication(sys.argv[:1])
    window = MainWindow()
    window.show()
    Driver(window, json.loads(Path(settings).read_text(encoding="utf-8")))
    QTimer.singleShot(0, window.engine.start_engine)
    QTimer.singleShot(0, window.features[FilesFeature].recovery.offer)
    QTimer.singleShot(0, lambda: window.open_paths([project]))
    return application.exec()


if __name__ == "__main__":
    sys.exit(main())
