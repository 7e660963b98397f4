"""The features of the window, in the order of menus and panels: one row each.

A feature may take from those above it what it needs (see `app.feature.Features`).
"""

from __future__ import annotations

from app.feature import Feature
from core.registry import Registry


class _Features(Registry[type[Feature]]):
    def _checked(self, name: str, entry: object) -> type[Feature]:
        kind = super()._checked(name, entry)
        if not issubclass(kind, Feature):
            raise TypeError(f"the feature “{name}” is {kind.__name__}, no Feature")
        return kind


FEATURES: Registry[type[Feature]] = _Features(
    "feature",
    type,
    "secateur.features",
    {
        "faults": "app.faults.feature:FaultsFeature",
        "files": "app.files.feature:FilesFeature",
        "trust": "app.trust.feature:TrustFeature",
        "welcome": "app.welcome.feature:WelcomeFeature",
        "plan": "app.plan.feature:PlanFeature",
        "sensitivity": "app.sensitivity.feature:SensitivityFeature",
        "pruning": "app.pruning.feature:PruningFeature",
        "data": "app.data.feature:DataFeature",
        "choose": "app.choose.feature:ChooseFeature",
        "search": "app.search.feature:SearchFeature",
        "tune": "app.tune.feature:TuneFeature",
        "compare": "app.compare.feature:CompareFeature",
        "history": "app.history.feature:HistoryFeature",
        "latency": "app.latency.feature:LatencyFeature",
        "export": "app.export.feature:ExportFeature",
        "report": "app.report.feature:ReportFeature",
        "jobs": "app.jobs.feature:JobsFeature",
        "tryout": "app.tryout.feature:TryoutFeature",
        "notify": "app.notify.feature:NotifyFeature",
        "help": "app.help.feature:HelpFeature",
    },
)
"""Their classes, by the name of their folder."""
