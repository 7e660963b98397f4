"""The features of the window, in the order of menus and panels: one row each.

A feature may take from those above it what it needs (see `app.feature.Features`).
"""

from __future__ import annotations

import importlib

from app.feature import Feature

FEATURES: tuple[str, ...] = (
    "app.faults.feature:FaultsFeature",
    "app.files.feature:FilesFeature",
    "app.welcome.feature:WelcomeFeature",
    "app.plan.feature:PlanFeature",
    "app.sensitivity.feature:SensitivityFeature",
    "app.pruning.feature:PruningFeature",
    "app.data.feature:DataFeature",
    "app.choose.feature:ChooseFeature",
    "app.tune.feature:TuneFeature",
    "app.compare.feature:CompareFeature",
    "app.history.feature:HistoryFeature",
    "app.latency.feature:LatencyFeature",
    "app.export.feature:ExportFeature",
    "app.report.feature:ReportFeature",
    "app.jobs.feature:JobsFeature",
    "app.notify.feature:NotifyFeature",
    "app.help.feature:HelpFeature",
)
"""``module:class`` of each."""


def feature_classes(rows: tuple[str, ...] = FEATURES) -> list[type[Feature]]:
    """Import the classes that the rows name.

    Raises
    ------
    TypeError
        When a row names something else.
    """
    found = []
    for row in rows:
        module, _, name = row.partition(":")
        kind = getattr(importlib.import_module(module), name)
        if not (isinstance(kind, type) and issubclass(kind, Feature)):
            raise TypeError(f"{row} is no feature")
        found.append(kind)
    return found
