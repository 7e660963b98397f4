"""A desktop's notification service, and a program that notifies by it, each in a process."""

import subprocess
import sys

from PySide6.QtCore import ClassInfo, QCoreApplication, QObject, QTimer, Signal, Slot
from PySide6.QtDBus import QDBusConnection

from app.kit.notifier import PATH, SERVICE, DBusNotifier

OPTIONS = QDBusConnection.RegisterOption


@ClassInfo({"D-Bus Interface": SERVICE})
class Service(QObject):
    """Prints what it is asked to show; clicks of other programs come before the real one."""

    ActionInvoked = Signal("uint", str)

    @Slot(result=str)
    def GetServerInformation(self):
        return "Plasma"

    @Slot(str, "uint", str, str, str, "QStringList", "QVariantMap", int, result="uint")
    def Notify(self, name, number, icon, title, text, actions, hints, timeout):
        print("shown", name, title, text, actions, sorted(hints), timeout, flush=True)
        for clicked, action in ((number + 1, "default"), (number, "other"), (number, "default")):
            QTimer.singleShot(0, lambda n=clicked, a=action: self.ActionInvoked.emit(n, a))
        return number


def serve() -> None:
    app, service = QCoreApplication([]), Service()
    bus = QDBusConnection.sessionBus()
    assert bus.registerService(SERVICE)
    assert bus.registerObject(PATH, service, OPTIONS.ExportAllSlots | OPTIONS.ExportAllSignals)
    print("ready", flush=True)
    app.exec()


def notify() -> None:
    server = subprocess.Popen(
        [sys.executable, "-m", __spec__.name, "serve"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout.readline() == "ready\n"
        from PySide6.QtWidgets import QApplication

        app = QApplication(["secateur"])
        app.setApplicationName("secateur")
        notifier, clicks = DBusNotifier(), []
        assert notifier.able
        notifier.clicked.connect(lambda: (clicks.append(1), QTimer.singleShot(0, app.quit)))
        notifier.show("Fine-tuning done", "a.pt: mAP50-95 0.25 → 0.5")
        app.exec()
        print(server.stdout.readline().strip(), f"clicks {len(clicks)}", sep="\n", flush=True)
    finally:
        server.kill()


if __name__ == "__main__":
    serve() if sys.argv[1:] == ["serve"] else notify()
