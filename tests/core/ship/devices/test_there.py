"""Times of a device reached by ssh are those that are measured here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import core
from core.checkpoint import Loaded, load
from core.errors import UserError
from core.plan.latency.clock import Clock
from core.plan.latency.files import known_latency
from core.plan.schema import Plan, Target
from core.progress import silent
from core.ship.devices import ssh
from core.ship.devices.known import described_on
from core.ship.devices.ssh import AwayError, Connection
from core.ship.latency import table as building
from core.ship.latency.elsewhere import measure_there
from core.ship.latency.measure import measure
from core.ship.latency.place import Here, There
from core.ship.latency.runtime import Settings
from core.ship.latency.store import LayerStore
from core.ship.latency.table import build_latency, describe_here
from tests.core.ship.devices.conftest import Server

SIZE = 160


@pytest.fixture(scope="module")
def model() -> Loaded:
    return load("yolov8n.yaml")


def test_networks_take_what_they_take_here(server: Server, model: Loaded) -> None:
    settings, here = Settings(image_size=SIZE), Here("onnx")
    with Connection(server.address) as connection:
        there = There(connection, "onnx")
        least = np.full(2, np.inf)
        for _ in range(4):  # in turns: other programs come and go
            for number, place in enumerate((here, there)):
                taken = place.networks([model.model], settings, 6, silent)[1].min()
                least[number] = min(least[number], taken)
    assert least[1] / least[0] == pytest.approx(1.0, abs=0.3)


def test_the_command_lists_what_it_measured(server: Server, model: Loaded) -> None:
    told = {"image_size": SIZE, "threads": 1, "repeats": 3}
    there = measure_there({"a": model.model, "b": model.model}, server.on, **told)
    here = measure({"a": model.model, "b": model.model}, runtimes=("onnx",), device="cpu", **told)
    assert [t.model for t in there.timings] == [t.model for t in here.timings] == ["a", "b"]
    assert there.machine["on"] == server.on and there.machine["device"] == here.machine["device"]
    ratio = there.timings[1].cpu_ratio
    assert ratio is not None and ratio.median == pytest.approx(1.0, abs=0.3)


def test_a_table_is_a_target_like_the_local_one(server: Server, model: Loaded) -> None:
    table, sha256 = core.analyse(model).table, model.facts.sha256
    about = described_on(server.on, "onnx", threads=1, image_size=SIZE)
    far = build_latency(model.model, table, sha256, about)
    near = build_latency(
        model.model, table, sha256, describe_here("onnx", threads=1, image_size=SIZE, device="cpu")
    )
    assert far.about["on"] == server.on and "on" not in near.about
    assert {grid.name for grid in far.grids} == {grid.name for grid in near.grids}
    nothing = np.zeros(table.atom_count, bool)
    times = [Clock(each, table).ms(nothing) for each in (far, near)]
    assert times[0] / times[1] == pytest.approx(1.0, abs=0.35)
    # Each is found by its own device alone.
    known = known_latency(sha256, model.facts.image_size, table, server.on)
    assert known is not None and known.about == far.about
    local = known_latency(sha256, model.facts.image_size, table)
    assert local is not None and "on" not in local.about
    plan = Plan(criterion="l2", target=Target(latency=0.7), device="127.0.0.1", round_to=1)
    found = core.suggest(model, plan)
    assert found.times is not None and found.times.share == pytest.approx(0.7, abs=0.1)
    before, after = core.predict(model, plan).latency_ms
    assert before == pytest.approx(times[0])
    assert after / before == pytest.approx(0.7, abs=0.12)


def test_a_device_that_goes_away_is_measured_on(
    server: Server, model: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, sha256 = core.analyse(model).table, model.facts.sha256
    about = described_on(server.on, "onnx", threads=1, image_size=SIZE)
    usual, asked = There.layers, []

    def layers(self, points, settings, repeats):
        asked.append(len(points))
        if len(asked) == 9:
            self.connection._process.kill()
        return usual(self, points, settings, repeats)

    monkeypatch.setattr(There, "layers", layers)
    with pytest.raises(AwayError, match=r"ended: .*\. What was measured is kept"):
        build_latency(model.model, table, sha256, about)
    kept = len(LayerStore(about))
    assert kept > 20
    monkeypatch.setattr(building, "time_networks", lambda models, *_: np.linspace(9, 3, 7))
    before = len(asked)
    build_latency(model.model, table, sha256, about)
    chunks = len(asked) - before
    assert sum(asked[before:]) - chunks == len(LayerStore(about)) - kept  # less one reference each


def test_nothing_is_left_there(server: Server, tmp_path: Path) -> None:
    connection = Connection(server.address)
    connection.ask({"do": "put", "file": "a.onnx"}, b"abc")
    (folder,) = (tmp_path / "tmp").iterdir()
    assert (folder / "a.onnx").read_bytes() == b"abc" and folder.stat().st_mode & 0o077 == 0
    connection.close()
    assert not list((tmp_path / "tmp").iterdir())


def test_a_file_stays_in_its_folder(server: Server, tmp_path: Path) -> None:
    with Connection(server.address) as connection:
        for name in ("../x", "/tmp/x", "", ".", "..", "a/b"):
            with pytest.raises(UserError):
                connection.ask({"do": "put", "file": name}, b"abc")
        assert connection.ask({"do": "describe"})["cores"] >= 1
    assert not (tmp_path / "x").exists()


NO_LIBRARY = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "onnxruntime":
            raise ImportError(name)
sys.meta_path.insert(0, Blocked())
"""


def fails(server: Server, pattern: str, hint: str) -> None:
    with pytest.raises(UserError, match=pattern) as caught:
        described_on(server.on, "onnx")
    assert "\n" not in str(caught.value) and hint in caught.value.hint


def test_no_key(server: Server) -> None:
    server.configure(IdentityFile=str(server.folder / "other"))
    fails(server, r"^ssh://.* does not accept any of your keys\.", "ssh-copy-id")


def test_another_host_key(server: Server, tmp_path: Path) -> None:
    other = (server.folder / "other.pub").read_text("utf-8")
    (tmp_path / "known").write_text(f"[127.0.0.1]:{server.port} {other}", "utf-8")
    server.configure(UserKnownHostsFile=str(tmp_path / "known"))
    fails(server, r"does not have the host key that is known for it", "compare the key")
    server.configure(UserKnownHostsFile=str(tmp_path / "none"))
    fails(server, r"does not have the host key that is known for it, or none", "compare the key")


def test_no_python_there(server: Server, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    server.set_up(f"PATH={tmp_path / 'empty'}; export PATH")
    fails(server, r"has no Python 3\.", "Install Python")


def test_no_runtime_there(server: Server, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(NO_LIBRARY, "utf-8")
    server.set_up(
        f"PATH={tmp_path}/there:/usr/bin:/bin PYTHONPATH={tmp_path}/site; export PATH PYTHONPATH"
    )
    fails(server, r"has no onnxruntime for its Python 3\.", "pip install onnxruntime")


def test_no_room_there(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = Connection.ask

    def ask(self, request, content=b"", tell=None):
        told = usual(self, request, content, tell)
        return {**told, "free": 5 << 20} if request["do"] == "describe" else told

    monkeypatch.setattr(Connection, "ask", ask)
    fails(server, r"has 5 MB free in its temporary folder; 64 MB are needed", "TMPDIR")


def test_a_disk_that_runs_full(server: Server, tmp_path: Path) -> None:
    server.set_up(
        f"PATH={tmp_path}/there:/usr/bin:/bin TMPDIR={tmp_path}/tmp; export PATH TMPDIR\n"
        "trap '' XFSZ; ulimit -f 8"
    )
    with (
        Connection(server.address) as connection,
        pytest.raises(UserError, match=r"^ssh://.*: File too large"),
    ):
        connection.ask({"do": "put", "file": "a.onnx"}, b"0" * 100_000)


def test_no_temporary_folder(server: Server, tmp_path: Path) -> None:
    server.set_up(
        f"PATH={tmp_path}/there:/usr/bin:/bin; export PATH; cd {tmp_path}\n"
        'python3() { command python3 -c \'import tempfile; tempfile.tempdir = "/no/such"; '
        "import sys; exec(sys.stdin.buffer.read(int(sys.stdin.buffer.readline())))'; }\n"
        'SSH_ORIGINAL_COMMAND="python3"'
    )
    fails(server, r"no temporary folder can be made", "")


def test_nobody_answers(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.core.ship.devices.conftest import free_port

    with pytest.raises(UserError, match=r"does not answer\. Check that it is on"):
        described_on(f"ssh://127.0.0.1:{free_port()}", "onnx")
    monkeypatch.setattr(ssh.shutil, "which", lambda name: None)
    with pytest.raises(UserError, match=r"OpenSSH is not installed here"):
        described_on(server.on, "onnx")


def test_a_shell_that_talks(server: Server, tmp_path: Path) -> None:
    server.set_up(
        f"echo Welcome; echo 'secateur is great'; PATH={tmp_path}/there:/usr/bin:/bin; export PATH"
    )
    assert described_on(server.on, "onnx")["on"] == server.on
