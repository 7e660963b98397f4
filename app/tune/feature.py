"""Fine-tuning: the form, the run, its result."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QWidget

from app.context import Context
from app.feature import Feature, Features, Panel
from app.tune.arguments import ArgumentsController
from app.tune.controller import TuneController
from app.tune.results import TunedResults


class TuneFeature(Feature):
    """Answers ``jobWanted`` and ``tuneWanted``."""

    name = "tune"

    def __init__(self, context: Context, window: QWidget, features: Features) -> None:
        super().__init__(context, window, features)
        self.controller = TuneController(context, window)
        self.arguments = ArgumentsController(context, window)
        self.results = TunedResults(context, window)
        self.session.requests.jobWanted.connect(self.show_job)
        self.session.requests.tuneWanted.connect(self.show_form)

    def panels(self) -> Sequence[Panel]:
        """The form, and a running tuning."""
        return (Panel("tuning", "Fine-tune", self._panel),)

    def _panel(self) -> QWidget:
        from app.tune.panel import TuningPanel

        panel = self._made = TuningPanel(self.context)
        panel.startRequested.connect(self.controller.start)
        panel.checkRequested.connect(self.controller.check)
        panel.argumentsRequested.connect(self.arguments.ask)
        panel.dataRequested.connect(self.session.requests.dataWanted)
        panel.openRequested.connect(self.session.requests.openWanted)
        return panel

    def show_job(self, folder: str) -> None:
        """Follow a job, and show it where there are panels."""
        self.context.jobs.watch(folder)
        if self.session.model is not None:
            self.session.requests.panelWanted.emit("tuning")

    def show_form(self, network: str) -> None:
        """Show the form with a network chosen."""
        self.context.jobs.watch("")
        self.session.requests.panelWanted.emit("tuning")
        self._made.form.choose_network(network)

    def may_close(self) -> bool:
        """Ask about what runs."""
        return self.controller.may_close()
