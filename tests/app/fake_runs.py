"""Job folders that a test writes as a process would."""

import json

from core.runs.folder import EVENTS, create_job, read_job, write_job
from core.runs.life import this_process
from core.system.paths import data_folder


class FakeRun:
    """A job's folder, and what its process would write there."""

    def __init__(self, model, parent=None, state="running"):
        arguments = {"model": str(model), "output": "tuned.pt"}
        parent = parent or data_folder() / "jobs"
        self.folder = create_job("finetune", arguments, {}, parent=parent)
        self.set(state)

    def set(self, state, alive=True, **more):
        process = this_process()
        if not alive:
            process = process.model_copy(update={"started": 1.0})
        job = read_job(self.folder)
        write_job(self.folder, job.model_copy(update={"state": state, "process": process, **more}))

    def emit(self, *events):
        text = "".join(json.dumps(event) + "\n" for event in events)
        with (self.folder / EVENTS).open("a") as stream:
            stream.write(text)
