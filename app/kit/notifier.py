"""Notifications on the desktop: by D-Bus, by the system tray, or by marking the window."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from PySide6.QtCore import SIGNAL, SLOT, QMetaMethod, QObject, QTimer, Signal, Slot
from PySide6.QtWidgets import QApplication, QSystemTrayIcon, QWidget

from app.kit import theme

SERVICE, PATH = "org.freedesktop.Notifications", "/org/freedesktop/Notifications"
NOTIFY = "Notify(QString,uint,QString,QString,QString,QStringList,QVariantMap,int)"
ACTION = "default"
"""What a click on a notification itself invokes; the specification names it."""
BROADCASTS = ("Plasma", "dunst")
"""Servers that report clicks to every program; these keep the number that a program asks for."""
ASK_MS = 500
TRAY_MS = 10_000
"""How long a notification of the system tray is shown, and its icon with it."""


class DBusNotifier(QObject):
    """Notifications of the desktop on Linux.

    Signals
    -------
    clicked
        The user clicked one.
    """

    clicked = Signal()
    _notify = Signal(
        str,
        "uint",  # type: ignore[arg-type]  # Qt's own names of types are right here, too
        str,
        str,
        str,
        "QStringList",  # type: ignore[arg-type]
        "QVariantMap",  # type: ignore[arg-type]
        int,
    )

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._number = 0x40000000 | (os.getpid() & 0x3FFFFFFF)
        self._strict = False
        self.able = self._connect()

    def _connect(self) -> bool:
        """Find the desktop's service; False where there is none."""
        if not sys.platform.startswith("linux"):
            return False
        from PySide6.QtDBus import QDBus, QDBusConnection, QDBusInterface, QDBusMessage

        bus = QDBusConnection.sessionBus()
        if not bus.isConnected():
            return False
        self._service = QDBusInterface(SERVICE, PATH, SERVICE, bus, self)
        # Python has no unsigned numbers for D-Bus, but the service's slot knows its types.
        if not self._service.isValid() or NOTIFY not in _methods(self._service):
            return False
        QObject.connect(
            self, SIGNAL(NOTIFY.replace("Notify", "_notify")), self._service, SLOT(NOTIFY)
        )
        acted = SLOT("_acted(uint,QString)")  # a str, whatever its stub says
        bus.connect(SERVICE, PATH, SERVICE, "ActionInvoked", self, acted)  # type: ignore[call-overload]
        asked = QDBusMessage.createMethodCall(SERVICE, PATH, SERVICE, "GetServerInformation")
        told = bus.call(asked, QDBus.CallMode.Block, ASK_MS).arguments()
        self._strict = bool(told) and str(told[0]) in BROADCASTS
        return True

    def show(self, title: str, text: str) -> None:
        """Show a notification; it takes the place of the one before."""
        name = QApplication.applicationName()
        hints = {"desktop-entry": QApplication.desktopFileName()}
        actions = [ACTION, "Show"]
        self._notify.emit(name, self._number, name, title, text, actions, hints, -1)

    @Slot("uint", str)
    def _acted(self, number: int, action: str) -> None:
        if action == ACTION and (number == self._number or not self._strict):
            self.clicked.emit()


class Notifier(QObject):
    """Notifies by the first way that this desktop has.

    Parameters
    ----------
    window : QWidget
        Marked in the task bar where the desktop has no notifications.

    Signals
    -------
    clicked
        The user clicked a notification.
    """

    clicked = Signal()

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._way: Callable[[str, str], None] | None = None

    def show(self, title: str, text: str) -> None:
        """Show a notification."""
        if self._way is None:
            self._way = self._find()
        self._way(title, text)

    def _find(self) -> Callable[[str, str], None]:
        by_bus = DBusNotifier(self)
        by_bus.clicked.connect(self.clicked)
        if by_bus.able:
            return by_bus.show
        if QSystemTrayIcon.isSystemTrayAvailable() and QSystemTrayIcon.supportsMessages():
            self._tray = QSystemTrayIcon(theme.icon("secateur"), self)
            self._tray.messageClicked.connect(self.clicked)
            return self._show_in_tray
        return lambda title, text: QApplication.alert(self._window)

    def _show_in_tray(self, title: str, text: str) -> None:
        self._tray.show()
        self._tray.showMessage(title, text, self._tray.icon(), TRAY_MS)
        QTimer.singleShot(TRAY_MS, self._tray, self._tray.hide)


def _methods(thing: QObject) -> list[str]:
    meta = thing.metaObject()
    return [_signature(meta.method(number)) for number in range(meta.methodCount())]


def _signature(method: QMetaMethod) -> str:
    return bytes(method.methodSignature().data()).decode()
