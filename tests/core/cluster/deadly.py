"""Stands for a worker's work that dies, or does not end."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from core.cluster.worker import Order


def work(order: Order) -> dict[str, Any]:
    """Find something, then die as often as the request says; or write a process id and wait."""
    request = order.request
    mark = Path(request["mark"])
    if request.get("waits"):
        mark.write_text(str(os.getpid()), encoding="utf-8")
        time.sleep(600)
    found = {"event": "partial", "data": {"mark": mark.name}}
    deaths = len(mark.read_text(encoding="utf-8")) if mark.exists() else 0
    if deaths < request["deaths"]:
        with mark.open("a", encoding="utf-8") as file:
            file.write("x")
        os._exit(9)
    return {"node": "here", "events": [found, {"event": "done", "result": {"deaths": deaths}}]}
