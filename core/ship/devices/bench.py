"""Times networks on a device: needs Python 3.8 and the runtime to time, and nothing of Secateur.

This file is sent to other devices as it stands, and it is what times networks here, too: figures of
one device and of another are made in the same way. On a device it either answers requests on its
standard input (`serve`), or works through an archive that was copied there (`work_through`):

    python3 bench.py

leaves ``answers.jsonl`` beside the archive's files; run again after an interruption, it continues.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import platform
import shutil
import sys
import tempfile
import time
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # Python 3.8 cannot take these apart
    from collections.abc import Callable, Mapping, Sequence
    from typing import BinaryIO

    Run = Callable[[], object]
    Tell = Callable[[float], None]

MARK = b"secateur:"
"""What lines of answers begin with; a login script may print others."""
WARM_UP = 3
LIBRARIES = ("onnxruntime", "openvino", "ncnn")
REQUESTS, ANSWERS = "requests.json", "answers.jsonl"
"""Of an archive: what is to be measured, and what was."""

STEPS = (4, 8, 16, 32)
"""Steps that are looked for: multiples that runtimes work in."""


class DeviceError(Exception):
    """What a person can mend: in words."""


# ---- the device ---------------------------------------------------------------------------------


def describe(folder: Path) -> dict[str, Any]:
    """Describe the device: processor, cores, libraries, and the bytes free in a folder."""
    return {
        "processor": processor(),
        "cores": cores(),
        "machine": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in LIBRARIES},
        "free": shutil.disk_usage(folder).free,
    }


def processor() -> str:
    """Return the name of the board or the processor, as the system states it."""
    with contextlib.suppress(OSError):
        return Path("/proc/device-tree/model").read_text(encoding="utf-8").strip("\0 \n")
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine() or "CPU"


def cores() -> int:
    """Return how many cores this process may use."""
    able = getattr(os, "sched_getaffinity", None)
    return max(1, len(able(0)) if able else os.cpu_count() or 1)


def version(library: str) -> str | None:
    """Return a library's version, None where it cannot be imported."""
    try:
        return str(getattr(importlib.import_module(library), "__version__", "unknown"))
    except Exception:
        return None


# ---- running ------------------------------------------------------------------------------------


def onnx_session(source: str | bytes, threads: int, *, profile: Path | None = None) -> Any:
    """Open an ONNX Runtime session as an application would, with a number of threads.

    The source is a file or a serialised model; ``profile`` is a folder for times of every node.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Idle threads that spin would slow whatever is timed next.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    if profile is not None:
        options.enable_profiling = True
        options.profile_file_prefix = str(profile / "profile")
    wanted = ("CUDAExecutionProvider", "CPUExecutionProvider")
    able = onnxruntime.get_available_providers()
    return onnxruntime.InferenceSession(source, options, [w for w in wanted if w in able])


def random_inputs(session: Any) -> dict[str, Any]:
    """Return one random input for every input of a session."""
    import numpy as np

    generator = np.random.default_rng(0)
    kinds = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
    return {
        entry.name: generator.random(entry.shape).astype(kinds[entry.type])
        for entry in session.get_inputs()
    }


def onnx_run(file: Path, threads: int) -> Run:
    """Return what runs an exported ONNX network in ONNX Runtime, on one random input."""
    session = onnx_session(str(file), threads)
    inputs = random_inputs(session)

    def run() -> object:
        return session.run(None, inputs)

    return run


def openvino_run(file: Path, threads: int) -> Run:
    """Return what runs a network in OpenVINO on the CPU, on one random input.

    The file is ONNX, or the folder that Ultralytics' exporter leaves.
    """
    import numpy as np
    import openvino

    if file.is_dir():
        file = next(file.glob("*.xml"))

    options = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    compiled = openvino.Core().compile_model(str(file), "CPU", options)
    request = compiled.create_infer_request()
    shape = tuple(compiled.input(0).shape)
    image = np.random.default_rng(0).random(shape).astype(np.float32)

    def run() -> object:
        return request.infer([image])

    return run


def ncnn_run(file: Path, threads: int) -> Run:
    """Return what runs a network in NCNN on the CPU, on one random input, a batch in turn.

    The file is a line of JSON (``shape`` of an image, ``batch``, bytes of the ``param`` file), then
    that file and the compressed weights. A network that NCNN refuses raises ``DeviceError``.
    """
    import ncnn
    import numpy as np

    head, _, content = file.read_bytes().partition(b"\n")
    facts = json.loads(head)
    net = ncnn.Net()
    net.opt.use_vulkan_compute = False
    net.opt.num_threads = threads
    net.opt.openmp_blocktime = 0  # idle threads that spin would slow whatever is timed next
    with tempfile.TemporaryDirectory(prefix="bench-secateur-") as place:
        param, weights = Path(place) / "param", Path(place) / "bin"
        param.write_bytes(content[: facts["param"]])
        weights.write_bytes(zlib.decompress(content[facts["param"] :]))
        if net.load_param(str(param)) or net.load_model(str(weights)):
            raise DeviceError(f"NCNN {version('ncnn')} cannot open the network")
    image = np.random.default_rng(0).random(facts["shape"]).astype(np.float32)
    entry, ends = ncnn.Mat(image).clone(), net.output_names()

    def run() -> object:
        found: list[Any] = []
        for _ in range(facts["batch"]):
            extractor = net.create_extractor()
            extractor.input(net.input_names()[0], entry)
            made = [extractor.extract(name) for name in ends]
            if any(failed for failed, _ in made):
                raise DeviceError("NCNN cannot run the network")
            found = [np.array(result) for _, result in made]
        return found

    return run


RUNS: dict[str, Callable[[Path, int], Run]] = {
    "onnx": onnx_run,
    "openvino": openvino_run,
    "ncnn": ncnn_run,
}
"""How a file is run, by runtime."""


def interleave(runs: Sequence[Run], repeats: int, tell: Tell) -> dict[str, list[list[float]]]:
    """Let runs take turns, in changing order, after a few turns that do not count.

    Returns ``wall`` and ``cpu``, a row of milliseconds for each turn: on the clock, and of the
    calling thread's own computing.
    """
    wall, cpu = [], []
    for turn in range(-WARM_UP, repeats):
        tell((turn + WARM_UP) / (repeats + WARM_UP))
        order = range(len(runs)) if turn % 2 else reversed(range(len(runs)))
        row = [[0.0] * len(runs) for _ in range(2)]
        for number in order:
            own, started = time.thread_time(), time.perf_counter()
            runs[number]()
            taken = time.perf_counter() - started, time.thread_time() - own
            row[0][number], row[1][number] = 1e3 * taken[0], 1e3 * taken[1]
        if turn >= 0:
            wall.append(row[0])
            cpu.append(row[1])
    return {"wall": wall, "cpu": cpu}


def profile(source: str | bytes, threads: int, repeats: int, folder: Path) -> dict[str, float]:
    """Time the nodes of an ONNX network, from ONNX Runtime's own profile.

    The profile goes to a folder and is removed again. It leaves out the copies into and out of a
    layer's blocked memory format: within a network neighbouring layers hand that format on.

    Returns the least milliseconds of each node. Fused nodes keep the name of the first, plus the
    runtime's own suffix.
    """
    session = onnx_session(source, threads, profile=folder)
    inputs = random_inputs(session)
    for _ in range(repeats + 1):
        session.run(None, inputs)
    written = Path(session.end_profiling())
    events = json.loads(written.read_text(encoding="utf-8"))
    written.unlink()
    durations: dict[str, list[float]] = {}
    for event in events:
        name = str(event.get("name", ""))
        if event.get("cat") == "Node" and name.endswith("_kernel_time"):
            node = name[: -len("_kernel_time")]
            durations.setdefault(node, []).append(event["dur"] / 1e3)
    return {name: min(values[1:]) for name, values in durations.items() if len(values) > 1}


def by_point(nodes: Mapping[str, float], count: int) -> list[float]:
    """Return milliseconds of layers timed together, whose nodes are named ``L0``, ``L1`` and on."""
    times = [0.0] * count
    for name, ms in nodes.items():
        first = name.lstrip("/").split("_")[0]
        if first.startswith("L") and first[1:].isdigit():
            times[int(first[1:])] += ms
    return times


def find_step(widths: Sequence[int], ms: Any) -> int:
    """Return the step of a staircase in measured times, or 1 where none shows.

    For each candidate the times are fitted by a line over the width rounded up to it; the best
    counts when it explains the times far better than the width itself does. Widths are evenly
    spaced, finer than the candidates; ``ms`` is a float array of as many.
    """
    import numpy as np

    own = np.array(widths)

    def misfit(step: int) -> float:
        above = -(-own // step) * step
        columns = np.stack([above, np.ones(len(own))], axis=1).astype(np.float64)
        fit = np.linalg.lstsq(columns, ms, rcond=None)[0]
        return float(np.abs(columns @ fit - ms).sum())

    plain = misfit(1)
    best = min(STEPS, key=misfit)
    return best if misfit(best) < 0.6 * plain else 1


# ---- requests -----------------------------------------------------------------------------------


def answer(request: dict[str, Any], folder: Path, tell: Tell) -> dict[str, Any]:
    """Do what one request asks for, with the files of a folder; ``DeviceError`` if it cannot."""
    kind = request["do"]
    if kind == "describe":
        return {**describe(folder), "told": request.get("told")}
    if kind == "drop":
        for name in request["files"]:
            _inside(folder, name).unlink()
        return {}
    threads = request.get("threads") or cores()
    if kind == "profile":
        file = str(_inside(folder, request["file"]))
        times = range(request.get("times", 1))
        found = [profile(file, threads, request["repeats"], folder) for _ in times]
        return {"nodes": {name: min(one[name] for one in found) for name in found[0]}}
    if kind == "turns":
        run = RUNS[request["runtime"]]
        files = [_inside(folder, name) for name in request["files"]]
        return interleave([run(f, threads) for f in files], request["repeats"], tell)
    raise DeviceError(f"there is no request {kind!r}")


def _inside(folder: Path, name: str) -> Path:
    if not name or name != Path(name).name:
        raise DeviceError(f"{name!r} is not a file of this folder")
    return folder / name


def in_words(error: BaseException) -> str:
    """Return an error as one line."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = " ".join(str(error).split())[:300]
    return text if isinstance(error, DeviceError) and text else f"{type(error).__name__}: {text}"


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer requests until the other side goes away; then nothing is left on the device.

    A request is a line of JSON; one with ``size`` is followed by as many bytes, a file to keep in
    the temporary folder. Each is answered by any number of lines with ``done`` and one with
    ``answer`` or ``failed``.
    """

    def say(what: dict[str, Any]) -> None:
        sink.write(MARK + json.dumps(what).encode() + b"\n")
        sink.flush()

    try:
        # Not as Secateur calls its own folders, which it sweeps.
        own = tempfile.TemporaryDirectory(prefix="bench-secateur-")
    except OSError as error:
        say({"failed": f"no temporary folder can be made: {in_words(error)}"})
        return
    with own as place:
        folder = Path(place)
        for line in iter(source.readline, b""):
            request = json.loads(line)
            content = source.read(request.get("size", 0))
            try:
                if request["do"] == "put":
                    _inside(folder, request["file"]).write_bytes(content)
                    say({"answer": {}})
                else:
                    told = answer(request, folder, lambda done: say({"done": done}))
                    say({"answer": told})
            except Exception as error:
                say({"failed": in_words(error)})


def work_through(folder: Path) -> int:
    """Answer the requests of an archive, and keep each answer at once; return an exit status."""
    requests = json.loads((folder / REQUESTS).read_text(encoding="utf-8"))
    answers = folder / ANSWERS
    known = {}
    if answers.exists():
        for line in answers.read_text(encoding="utf-8").splitlines():
            with contextlib.suppress(ValueError, KeyError, TypeError):
                entry = json.loads(line)
                known[entry["request"]] = entry["answer"]
    with answers.open("a", encoding="utf-8") as file:
        file.write("\n" if known else "")
        for number, request in enumerate(requests):
            if request["name"] in known or not _wanted(request, requests, known):
                continue
            print(f"{number + 1} of {len(requests)}", end="\r", flush=True)
            try:
                told = answer(request, folder, lambda done: None)
            except Exception as error:
                print(f"{request['name']}: {in_words(error)}")
                return 1
            known[request["name"]] = told
            file.write(json.dumps({"request": request["name"], "answer": told}) + "\n")
            file.flush()
    print(f"All {len(requests)} are measured. Take {answers} back to Secateur.")
    return 0


def _wanted(
    request: dict[str, Any], requests: Sequence[dict[str, Any]], known: dict[str, Any]
) -> bool:
    """Return whether a request is of every device, or of the step that this one works in."""
    if not request.get("step"):
        return True
    probe = next(each for each in requests if "widths" in each)
    times = by_point(known[probe["name"]]["nodes"], len(probe["widths"]))
    return bool(find_step(probe["widths"], times) == request["step"])


if __name__ == "__main__":
    sys.exit(work_through(Path(__file__).resolve().parent))
