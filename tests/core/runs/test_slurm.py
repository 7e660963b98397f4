"""Jobs handed to Slurm, by submitit: its own local executor, and a Slurm that is a few scripts."""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from core.cli.main import main
from core.cluster import slurm
from core.cluster.place import Place
from core.cluster.slurm import parse_limits
from core.errors import UserError
from core.runs import apart
from core.runs.folder import amend_job, create_job, read_events, read_job, status_of, tell
from core.runs.life import SUBMISSION
from core.runs.listing import entry_of
from core.runs.run import run_job
from core.tune.settings import Settings

pytest.importorskip("submitit", reason="needs the extra cluster")
PLACE = Place("slurm")
EPOCHS = 8


def until(wanted: Callable[[], object], seconds: float = 120) -> None:
    """Wait for what other processes do: there is no signal to wait for."""
    end = time.monotonic() + seconds
    while not wanted():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(slurm.LOCAL, "local")


@pytest.fixture
def tuning(settings: Settings, tmp_path: Path) -> Callable[[int], Path]:
    def made(epochs: int) -> Path:
        told = settings.model_copy(update={"epochs": epochs, "threads": 1, "baseline": False})
        inputs = {"model": told.model, "data": told.data}
        return create_job("finetune", told.model_dump(mode="json"), inputs, tmp_path / "jobs")

    return made


def epochs_of(folder: Path) -> list[int]:
    return [event["epoch"] for event in read_events(folder)[0] if event["event"] == "epoch"]


def test_a_tuning_runs_is_cancelled_and_resumed(
    here: None, tuning: Callable[[int], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tuning(EPOCHS)
    job = apart.submit(folder, PLACE, {})
    first = job.submitted
    assert first is not None and first.on == "local"
    assert status_of(read_job(folder)) in ("submitted", "running")
    until(lambda: epochs_of(folder))
    assert status_of(read_job(folder)) == "running"
    with pytest.raises(UserError, match="already running"):
        apart.submit(folder, PLACE, {})
    assert main(["jobs", "cancel", str(folder)]) == 0
    until(lambda: status_of(read_job(folder)) == "cancelled")
    until(lambda: _ended(first.id))
    before = epochs_of(folder)
    assert before and len(before) < EPOCHS and (folder / "last.pt").is_file()
    capsys.readouterr()
    assert main(["jobs", "resume", str(folder), "--on", "slurm", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)["submitted"]
    assert again["id"] != first.id
    until(lambda: status_of(read_job(folder)) == "done")
    assert epochs_of(folder) == list(range(1, EPOCHS + 1))  # none was done twice


def _ended(number: str) -> bool:
    try:
        return psutil.Process(int(number)).status() == psutil.STATUS_ZOMBIE
    except psutil.Error:
        return True


def test_a_job_that_has_not_begun_is_withdrawn(here: None, tuning: Callable[[int], Path]) -> None:
    folder = tuning(40)
    job = apart.submit(folder, PLACE, {})
    assert job.submitted is not None
    if apart.withdraw(folder):  # it may have begun by now
        assert status_of(read_job(folder)) == "cancelled"
    else:
        tell(folder, "cancel")
    until(lambda: _ended(job.submitted.id) if job.submitted else True)
    until(lambda: status_of(read_job(folder)) == "cancelled")
    assert not apart.withdraw(folder)


def test_what_begins_while_a_job_is_withdrawn_finds_it_taken(
    tuning: Callable[[int], Path],
) -> None:
    folder, refused = tuning(1), []

    def begin() -> None:
        with pytest.raises(UserError, match="already running"):
            run_job(folder)
        refused.append(True)

    assert amend_job(folder, first=begin, state="cancelled")
    assert refused and status_of(read_job(folder)) == "cancelled"
    assert not read_events(folder)[0]


# ---- a Slurm of a few scripts -------------------------------------------------------------------

SCRIPTS = {
    "sbatch": """#!/bin/sh
n=$(($(cat "$FAKE/number" 2>/dev/null || echo 100) + 1)); echo $n > "$FAKE/number"
cp "$1" "$FAKE/$n.sh"; echo PENDING > "$FAKE/$n.state"
[ -e "$FAKE/refuse" ] && { echo "sbatch: error: invalid account" >&2; exit 1; }
echo "Submitted batch job $n"
""",
    "srun": "#!/bin/sh\nexit 1\n",
    "sacct": """#!/bin/sh
echo x >> "$FAKE/asked"; echo "JobID|State|NodeList"
for n in "$FAKE"/*.state; do b=$(basename "$n" .state); echo "$b|$(cat "$n")|node1"; done
""",
    "scancel": '#!/bin/sh\necho CANCELLED by 0 > "$FAKE/$1.state"\n',
}


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    place = tmp_path / "cluster"
    place.mkdir()
    monkeypatch.setattr(slurm, "_known", {})
    for name, text in SCRIPTS.items():
        (place / name).write_text(text)
        (place / name).chmod(stat.S_IRWXU)
    monkeypatch.setenv("FAKE", str(place))
    monkeypatch.setenv("PATH", f"{place}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(slurm, "_FRESH_S", 0.0)
    return place


def test_limits_and_the_partition_reach_slurm(cluster: Path, tuning: Callable[[int], Path]) -> None:
    folder = tuning(1)
    limits = parse_limits(
        ["minutes=90", "memory=16", "cores=4", "gpus=1", "account=vision", "exclude=n1,n2"]
    )
    job = apart.submit(folder, Place("slurm", partition="gpu"), limits)
    assert job.submitted is not None and job.submitted.partition == "gpu"
    text = (cluster / f"{job.submitted.id}.sh").read_text()
    for option in (
        "--partition=gpu", "--time=90", "--mem=16GB", "--cpus-per-task=4", "--gpus-per-node=1",
        "--account=vision", "--exclude=n1,n2", f"--job-name={job.id}", "--signal=USR2@120",
    ):  # fmt: skip
        assert f"#SBATCH {option}" in text, option
    assert stat.S_IMODE((folder / SUBMISSION).stat().st_mode) == 0o700


def test_a_job_waits_is_run_and_is_withdrawn(
    cluster: Path, tuning: Callable[[int], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tuning(1)
    job = apart.submit(folder, PLACE, {})
    assert job.submitted is not None
    state = cluster / f"{job.submitted.id}.state"
    entry = entry_of(folder)
    assert entry is not None and (entry.state, entry.word) == ("submitted", "waiting for Slurm")
    assert entry.stoppable and not entry.resumable
    with pytest.raises(UserError, match="already submitted"):
        apart.submit(folder, PLACE, {})
    state.write_text("RUNNING")
    data = json.loads((folder / "job.json").read_text())
    (folder / "job.json").write_text(json.dumps({**data, "state": "running"}))
    assert status_of(read_job(folder)) == "running"  # its lock is on another computer
    state.write_text("NODE_FAIL")
    assert status_of(read_job(folder)) == "interrupted"
    (folder / "job.json").write_text(json.dumps(data))
    assert status_of(read_job(folder)) == "ready"  # it can be started again
    state.write_text("PENDING")
    assert main(["jobs", "cancel", str(folder)]) == 0
    assert "taken out of Slurm's queue" in capsys.readouterr().out
    assert state.read_text().startswith("CANCELLED")
    assert status_of(read_job(folder)) == "cancelled"


def test_nodes_find_each_other_as_torchrun_has_it(
    cluster: Path, tuning: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tuning(1)
    job = apart.submit(folder, PLACE, {"nodes": "2"})
    assert job.submitted is not None
    text = (cluster / f"{job.submitted.id}.sh").read_text()
    assert "#SBATCH --nodes=2" in text and "#SBATCH --ntasks-per-node=1" in text
    for name, value in {
        "SLURM_JOB_ID": job.submitted.id, "SLURM_PROCID": "1", "SLURM_NTASKS": "2",
        "SLURM_JOB_NUM_NODES": "2", "SLURM_NODEID": "1", "SLURM_LOCALID": "0",
        "SLURM_JOB_NODELIST": "node[3-4]", "SUBMITIT_EXECUTOR": "slurm",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    words = apart.Work(str(folder), 2)._together()
    assert " ".join(words) == ("--nnodes 2 --node-rank 1 --master-addr node3 --master-port 29500")
    assert apart.Work(str(folder))._together() == []


def test_a_job_that_is_told_of_its_time_limit_continues(tuning: Callable[[int], Path]) -> None:
    folder = tuning(1)
    again = apart.Work(str(folder), 2).checkpoint()
    assert isinstance(again.function, apart.Work)
    assert vars(again.function) == vars(apart.Work(str(folder), 2))


def test_slurm_is_not_asked_again_and_again(
    cluster: Path, tuning: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slurm, "_FRESH_S", 60.0)
    folder = tuning(1)
    apart.submit(folder, PLACE, {})
    for _ in range(20):
        assert status_of(read_job(folder)) == "submitted"
    assert (cluster / "asked").read_text().count("x") == 1


def test_a_job_that_slurm_refuses_can_be_started_elsewhere(
    cluster: Path, tuning: Callable[[int], Path]
) -> None:
    (cluster / "refuse").touch()
    folder = tuning(1)
    with pytest.raises(UserError, match=r"Slurm did not accept .*invalid account"):
        apart.submit(folder, PLACE, {})
    assert status_of(read_job(folder)) == "ready"


def test_without_slurm_no_job_is_made(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("PATH", "/nowhere")
    job = tmp_path / "job"
    asked = ["finetune", settings.model, "--data", settings.data, "--folder", str(job)]
    assert main([*asked, "--on", "slurm"]) == 1
    assert "no Slurm on this computer" in capsys.readouterr().err
    assert not job.exists()


def test_no_slurm_here(tuning: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UserError, match="no Slurm on this computer"):
        apart.submit(tuning(1), PLACE, {})


@pytest.mark.parametrize(
    "word",
    ["minutes", "minutes=", "minutes=soon", "minutes=0", "gpus=-1", "cores=1e9", "A=1", "=1",
     "account=a b", "account=a\n#SBATCH --x", "account=$(id)", "memory=9999999"],
)  # fmt: skip
def test_what_is_no_limit(word: str) -> None:
    with pytest.raises(UserError, match="limit"):
        parse_limits([word])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--limit", "minutes=5"], "Add --on slurm"),
        (["--on", "ray"], "does not run jobs"),
        (["--on", "slurm", "--detach"], "Leave out --detach and --queue"),
        (["--on", "slurm:a b"], "not a place to run on"),
        (["--nnodes", "2", "--detach"], "runs in the foreground on each"),
    ],
)
def test_what_does_not_go_together_makes_no_job(
    words: list[str], told: str, settings: Settings, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    job = tmp_path / "job"
    asked = ["finetune", settings.model, "--data", settings.data, "--folder", str(job), *words]
    assert main(asked) == 1
    assert told in capsys.readouterr().err
    assert not job.exists()


@pytest.mark.parametrize(
    "text", ["{", '{"on": "slurm", "id": "1; rm"}', '{"on": "pbs", "id": "1"}']
)
def test_a_damaged_note_counts_as_none(text: str, tuning: Callable[[int], Path]) -> None:
    folder = tuning(1)
    (folder / "submitted.json").write_text(text)
    assert read_job(folder).submitted is None
    assert status_of(read_job(folder)) == "ready"
