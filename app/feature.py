"""What a feature of the window is: it makes its parts, and reports what it brings.

Each folder of a feature has a ``feature.py`` with one subclass of `Feature`, and one row of
``app.window.feature_table`` names it. The subclass connects its own panels to its own controllers;
what it wants of other features it asks for through ``session.requests``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from app.context import Context
from app.state.session import Overlay


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: ``app.window.layout.modes`` says where it is, or else it is in the drawer.

    Attributes
    ----------
    id : str
        Names the panel in ``panelWanted`` and in the modes.
    title : str
    make : callable
        Returns the widget, connected to what it works with.
    """

    id: str
    title: str
    make: Callable[[], QWidget]


Condition = Callable[[Context], bool]
"""Whether an action can be used now."""


def always(context: Context) -> bool:
    """At any time."""
    return True


def has_model(context: Context) -> bool:
    """While a model is open."""
    return context.session.model is not None


def has_selection(context: Context) -> bool:
    """While blocks are selected."""
    return bool(context.session.selection)


@dataclass(frozen=True, slots=True)
class Choice:
    """A line of a submenu that is made when it opens.

    Attributes
    ----------
    reason : str
        Why it cannot be chosen; empty where it can.
    """

    text: str
    run: Callable[[], object]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Action:
    """One action: in a menu, by its shortcut, on the toolbar and in the command palette.

    Attributes
    ----------
    run : callable
        What it does.
    menu : str
        Menu, submenu after a slash, and section after a colon: ``&File:save``. The sections of a
        menu are in ``app.window.actions``.
    also : tuple of str
        Further shortcuts that do the same.
    choices : callable, optional
        Returns its lines: then it is a submenu, made when it opens.
    tip : str
        What it does, in a few words; its text unless given.
    needs : callable
        When it can be used.
    short : str
        Its text on the toolbar, where that is another.
    group : str
        Actions of one group exclude each other.
    checked : callable, optional
        Whether it holds, for an action of a group.
    words : callable, optional
        Returns text and tip where they follow what can be done now.
    on : str
        ``block`` or ``graph`` where it also is in that context menu.
    """

    id: str
    text: str
    run: Callable[[], object]
    menu: str
    shortcut: str = ""
    icon: str = ""
    toolbar: bool = False
    tip: str = ""
    needs: Condition = always
    short: str = ""
    group: str = ""
    checked: Callable[[], bool] | None = None
    on: str = ""
    also: tuple[str, ...] = ()
    choices: Callable[[], Sequence[Choice]] | None = None
    words: Callable[[], tuple[str, str]] | None = None

    @property
    def shortcuts(self) -> tuple[str, ...]:
        """All its shortcuts, the one that menus show first."""
        return ((self.shortcut,) if self.shortcut else ()) + self.also


class Feature(QObject):
    """One thing that the window does.

    Parameters
    ----------
    context : Context
    window : QWidget
        The parent of its dialogs.
    features : Features
        Those made before; a feature takes from them what it needs of lower ones.
    """

    name: ClassVar[str]
    """The folder's name."""

    def __init__(self, context: Context, window: QWidget, features: Features) -> None:
        super().__init__(window)
        self.context, self.session, self.window = context, context.session, window

    def panels(self) -> Sequence[Panel]:
        """Return its panels."""
        return ()

    def actions(self) -> Sequence[Action]:
        """Return its actions."""
        return ()

    def overlays(self) -> Sequence[Overlay]:
        """Return its overlays of the graph."""
        return ()

    def start(self) -> None:
        """Do what waits until the window shows."""

    def may_close(self) -> bool:
        """Ask about what would be lost or ended; False when the window is to stay."""
        return True

    def close(self) -> None:
        """Leave nothing running: the window closes."""


F = TypeVar("F", bound=Feature)


class Features:
    """The features of a window, by class, in the order in which they were made."""

    def __init__(self) -> None:
        self._made: dict[type[Feature], Feature] = {}

    def add(self, feature: Feature) -> None:
        """Take in a feature."""
        self._made[type(feature)] = feature

    def __getitem__(self, kind: type[F]) -> F:
        """Return a feature by its class.

        Raises
        ------
        KeyError
            When the table names it below the one that asks, or not at all.
        """
        feature = self._made[kind]
        assert isinstance(feature, kind)
        return feature

    def __iter__(self) -> Iterator[Feature]:
        """Go through all of them."""
        return iter(self._made.values())
