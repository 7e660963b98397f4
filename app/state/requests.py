"""What one part of the window asks of another, and tells the others: signals, no state.

A part that wants something emits; the feature that offers it connects. So features need not know
each other, and none of them knows the frame.
"""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal


class Requests(QObject):
    """Signals between the parts of the window; the session has them.

    Signals
    -------
    dataWanted
        Something needs a dataset, and none is set: choose one.
    dataFound(str)
        A dataset YAML, or a folder, was dropped or opened.
    dataBrought(str)
        The same, together with the model that is open now: the model is what should show.
    openDialogWanted
        Choose a file to open.
    openWanted(str)
        Open this model, project, plan or dataset.
    opening(str)
        This path is being opened; empty when that is over.
    panelWanted(str)
        Bring the panel with this id to the front.
    modeWanted(str)
        Change to the mode with this id.
    modeChanged(str)
        The person works in another mode.
    tourWanted, demoWanted
        Show the way around; open the demo.
    tourRuns(bool), demoRuns(bool)
        It began, or it is over.
    historyWritten
        Another process may have added to the history of the open network.
    rankWanted
        Rank the channels by images, as the plan asks.
    suggestWanted(frozenset of int)
        Find a plan for the goal; these blocks may give channels, or all when empty.
    layerTimesWanted(dict)
        Time the layers of the open model; with options of the engine task.
    evaluateWanted
        Measure the accuracy of the open model.
    pruneWanted
        Prune by the plan.
    compareWanted(list of str)
        Compare these files.
    tuneWanted(str)
        Choose how to fine-tune this network.
    tryWanted(list of str, list of str)
        Try networks on these images, folders and videos; next to these networks, if any. Without
        images, show where to choose them.
    jobWanted(str)
        Show the long job in this folder.
    pruned(dict)
        The engine's report on a file that was pruned, proven and saved.
    tuningStarts
        A job that adds itself to the history is about to start.
    trustWanted(dict)
        Show a module that a network needs: ``names`` of its classes, or its ``file`` and ``name``;
        ``open`` is what to open once it is trusted, ``resume`` the folder of a job to continue.
    problemReportWanted
        Save what helps to find a fault.
    """

    dataWanted = Signal()
    dataFound = Signal(str)
    dataBrought = Signal(str)
    openDialogWanted = Signal()
    openWanted = Signal(str)
    opening = Signal(str)
    panelWanted = Signal(str)
    modeWanted = Signal(str)
    modeChanged = Signal(str)
    tourWanted = Signal()
    demoWanted = Signal()
    tourRuns = Signal(bool)
    demoRuns = Signal(bool)
    historyWritten = Signal()
    rankWanted = Signal()
    suggestWanted = Signal(object)
    layerTimesWanted = Signal(dict)
    evaluateWanted = Signal()
    pruneWanted = Signal()
    compareWanted = Signal(list)
    tuneWanted = Signal(str)
    tryWanted = Signal(list, list)
    jobWanted = Signal(str)
    pruned = Signal(dict)
    tuningStarts = Signal()
    trustWanted = Signal(dict)
    problemReportWanted = Signal()
