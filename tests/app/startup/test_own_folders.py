"""The window writes to its own folders alone."""

import os
import subprocess
import sys
from pathlib import Path

from tests.app.conftest import ROOT

CODE = """
import sys
import shiboken6
from core.system.program import prepare
prepare()
from app.startup.application import keep_to_own_folder
from PySide6.QtWidgets import QApplication, QFileDialog
keep_to_own_folder()
application = QApplication(sys.argv[:1])
from app.window.main_window import MainWindow
window = MainWindow()
window.show()
dialog = QFileDialog(window)
dialog.setOption(QFileDialog.Option.DontUseNativeDialog)
dialog.open()
application.processEvents()
dialog.accept()
shiboken6.delete(dialog)
window.context.settings.set_folder("/tmp")
window.close()
window.deleteLater()
application.processEvents()
"""


def test_nothing_is_written_outside_our_folders(tmp_path):
    home = tmp_path / "clean"
    home.mkdir()
    kept = {key: value for key, value in os.environ.items() if not key.startswith("XDG_")}
    environment = {**kept, "HOME": str(home), "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    before = set(tmp_path.iterdir())
    subprocess.run([sys.executable, "-c", CODE], cwd=home, env=environment, check=True, timeout=60)
    files = [path.relative_to(home) for path in home.rglob("*") if path.is_file()]
    assert Path(".config/secateur/window.json") in files
    strange = [str(file) for file in files if "secateur" not in file.parts]
    # What fonts there are is the system's own business.
    assert [name for name in strange if not name.startswith(".cache/fontconfig")] == []
    assert set(tmp_path.iterdir()) == before
