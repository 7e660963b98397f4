"""Talks to an engine process over its line."""

import json
import subprocess
import sys
import threading
from pathlib import Path

from tests.core.warm import Warm

ROOT = Path(__file__).resolve().parents[3]
TERMINAL = {"done", "failed", "cancelled"}


class Line:
    """Talks to one engine.

    Parameters
    ----------
    warm : Warm, optional
        Starts it, where the start is not what is tested.
    """

    def __init__(self, warm: Warm | None = None):
        own = [sys.executable, "-m", "core.engine"]
        self.process = subprocess.Popen(
            [str(warm.folder / "secateur"), "engine"] if warm else own,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
        )
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def send(self, **message):
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()

    def read(self):
        return json.loads(self.process.stdout.readline())

    def end_of(self, number):
        """Events of one job up to its end."""
        events = []
        while True:
            event = self.read()
            if event.get("id") == number:
                events.append(event)
                if event["event"] in TERMINAL:
                    return events

    def close(self):
        """End the process, and leave no pipe open."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stdin.close()
