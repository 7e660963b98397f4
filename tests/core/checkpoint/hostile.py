"""Writes hostile pickles, byte for byte, in every protocol: families of ways to run something."""

from __future__ import annotations

import struct
from collections.abc import Iterator

PROTOCOLS = range(6)
COMMAND = "touch MARK"
"""What is to be run; MARK is the file that must not be there afterwards."""


class Assembler:
    """Writes the opcodes of one protocol; what a protocol has not is written as an older one does.

    Parts are bytes that push one object.
    """

    def __init__(self, protocol: int) -> None:
        self.protocol = protocol

    def text(self, value: str) -> bytes:
        data = value.encode("utf-8")
        if self.protocol == 0:
            return b"V" + value.encode("raw-unicode-escape") + b"\n"
        if self.protocol >= 4 and len(data) < 256:
            return b"\x8c" + bytes([len(data)]) + data
        return b"X" + struct.pack("<I", len(data)) + data

    def name(self, dotted: str) -> bytes:
        """Push a global; a colon separates the module from a name with dots of its own."""
        module, _, name = dotted.partition(":") if ":" in dotted else dotted.rpartition(".")
        if self.protocol < 4:
            return f"c{module}\n{name}\n".encode()
        return self.text(module) + self.text(name) + b"\x93"

    def tuple(self, *parts: bytes) -> bytes:
        if self.protocol >= 2 and len(parts) < 4:
            return b"".join(parts) + (b")", b"\x85", b"\x86", b"\x87")[len(parts)]
        return b"(" + b"".join(parts) + b"t"

    def mapping(self, **entries: bytes) -> bytes:
        start = b"(d" if self.protocol == 0 else b"}"
        return start + b"".join(self.text(k) + part + b"s" for k, part in entries.items())

    def call(self, function: bytes, *parts: bytes) -> bytes:
        return function + self.tuple(*parts) + b"R"

    def done(self, part: bytes, key: str = "model") -> bytes:
        """Return the whole pickle of a checkpoint with one entry."""
        head = b"\x80" + bytes([self.protocol]) if self.protocol >= 2 else b""
        return head + self.mapping(**{key: part}) + b"."


def names(text: str) -> list[str]:
    return text.split()


Found = Iterator[tuple[str, bytes]]

COMMANDS = names(
    """
    os.system posix.system nt.system os.popen os.execl os.execv os.spawnl os.startfile
    posix.posix_spawn subprocess.Popen subprocess.call subprocess.check_call subprocess.run
    subprocess.check_output subprocess.getoutput commands.getoutput popen2.popen3 pty.spawn
    platform.popen asyncio.run multiprocessing.Process _posixsubprocess.fork_exec shutil.rmtree
    os.remove os.unlink os.rename os.putenv os.kill os._exit sys.exit webbrowser.open
    socket.create_connection urllib.request.urlopen ctypes.CDLL ctypes.cdll.LoadLibrary
    pathlib.Path.touch pathlib.Path.unlink tempfile.mktemp signal.raise_signal gc.get_objects
    """
)
BUILTINS = names(
    """
    eval exec compile open getattr setattr __import__ input breakpoint map filter type vars
    globals locals object super property memoryview print delattr apply execfile file reduce
    """
)
CODE = names(
    """
    importlib.import_module importlib.reload importlib.machinery.SourceFileLoader
    imp.load_source runpy.run_path runpy.run_module code.interact code.InteractiveInterpreter
    bdb.Bdb pdb.run timeit.timeit cProfile.run profile.run trace.Trace doctest.testfile
    pydoc.pipepager pydoc.locate marshal.loads pickle.loads _pickle.loads pickle.Unpickler
    shelve.open types.FunctionType types.CodeType types.MethodType types.ModuleType sys.settrace
    zipimport.zipimporter pkgutil.resolve_name logging.config.listen yaml.unsafe_load
    """
)
GLUE = names(
    """
    functools.partial functools.reduce functools.partialmethod functools.cached_property
    operator.attrgetter operator.methodcaller operator.itemgetter operator.call
    itertools.starmap itertools.accumulate collections.defaultdict collections.deque
    collections.namedtuple collections.UserDict weakref.ref weakref.finalize
    contextlib.ExitStack atexit.register threading.Thread threading.Timer queue.Queue enum.Enum
    string.Formatter dataclasses.make_dataclass copyreg._reconstructor copyreg.__newobj__
    copyreg.__newobj_ex__ copyreg.add_extension copyreg.pickle copyreg.constructor
    copyreg.dispatch_table copy_reg._reconstructor
    """
)
LIBRARIES = names(
    """
    torch.load torch.hub.load torch.hub.load_state_dict_from_url torch.jit.load torch.jit.script
    torch.ops.load_library torch.classes.load_library torch.utils.cpp_extension.load
    torch.utils.cpp_extension.load_inline torch.package.PackageImporter torch.compile
    torch.storage._load_from_bytes torch._tensor._rebuild_from_type_v2 torch.serialization.load
    torch.serialization.add_safe_globals torch.utils.model_zoo.load_url torch.save
    torch.multiprocessing.spawn torch.distributed.run.main torch.fx.GraphModule
    torch.fx.graph_module.reduce_graph_module
    torch.nn.modules.module.register_module_forward_hook torch.from_file
    torch.nn.utils.prune.remove torch.nn.utils.prune.BasePruningMethod numpy.load numpy.loadtxt
    numpy.fromfile numpy.memmap numpy.genfromtxt numpy.save numpy.core.multiarray._reconstruct
    numpy._core.multiarray._reconstruct numpy.frompyfunc numpy.testing._private.utils.runstring
    numpy.vectorize numpy.apply_along_axis numpy.f2py.compile pandas.read_pickle joblib.load
    sklearn.utils.parallel_backend torchvision.models.resnet18
    torchvision.models.resnet.resnet18 torchvision.io.read_file
    torchvision.datasets.utils.download_url torchvision.transforms.transforms.Lambda
    ultralytics.YOLO ultralytics.hub.login ultralytics.utils.downloads.safe_download
    ultralytics.utils.checks.check_requirements ultralytics.utils.SettingsManager
    ultralytics.nn.tasks.torch_safe_load ultralytics.nn.tasks.parse_model
    ultralytics.nn.tasks.load_checkpoint ultralytics.nn.modules.block.torch
    ultralytics.nn.modules.conv.math ultralytics.utils.loss.xyxy2xywh
    """
)
DILL = names(
    """
    dill.loads dill.load dill.load_session dill._dill._create_function dill._dill._create_code
    dill._dill._create_type dill._dill._create_cell dill._dill._create_namedtuple
    dill._dill._create_array dill._dill._import_module dill._dill._eval_repr
    dill._dill._get_attr dill._dill._getattribute dill._dill._unmarshal
    dill._dill._create_filehandle dill._dill._create_lock dill._dill._create_ftype
    dill._dill._setattr dill._dill._create_dtypemeta dill.source.importable cloudpickle.loads
    cloudpickle.cloudpickle._make_function cloudpickle.cloudpickle._builtin_type
    cloudpickle.cloudpickle.subimport cloudpickle.cloudpickle._make_skeleton_class
    """
)
DILL_TYPES = ("FunctionType", "CodeType", "ModuleType", "type", "object", "CellType", "FileType")


def calls(names: list[str], *arguments: str) -> Found:
    """Call each name, in every protocol."""
    for protocol in PROTOCOLS:
        write = Assembler(protocol)
        for name in names:
            parts = [write.text(argument) for argument in arguments or (COMMAND,)]
            yield f"{name}, protocol {protocol}", write.done(write.call(write.name(name), *parts))


def builtins() -> Found:
    """Call builtin functions under the names of Python 3 and 2."""
    for home in ("builtins", "__builtin__"):
        yield from calls(
            [f"{home}.{name}" for name in BUILTINS], f"__import__('os').system({COMMAND!r})"
        )


def opcodes() -> Found:
    """Reach the same functions by every opcode that makes or changes an object."""
    for protocol in PROTOCOLS:
        write = Assembler(protocol)
        for name in ("os.system", "builtins.eval", "subprocess.Popen"):
            home, _, own = name.rpartition(".")
            function, text = write.name(name), write.text(COMMAND)
            ways = {
                "REDUCE": write.call(function, text),
                "INST": b"(" + text + f"i{home}\n{own}\n".encode(),
                "OBJ": b"(" + function + text + b"o",
                "NEWOBJ": function + write.tuple(text) + b"\x81",
                "NEWOBJ_EX": function + write.tuple(text) + write.mapping() + b"\x92",
                "BUILD": function + write.mapping(a=text) + b"b",
                "nested BUILD": write.call(function, write.call(function, text)) + b"(db",
                "GLOBAL": f"c{home}\n{own}\n".encode() + write.tuple(text) + b"R",
                "STACK_GLOBAL": write.text(home)
                + write.text(own)
                + b"\x93"
                + write.tuple(text)
                + b"R",
                "alone": function,
                "as a key": b"(d" + function + text + b"s",
                "in a set": b"\x8f(" + function + b"\x90",
                "in a list": b"(" + function + b"l",
            }
            for way, part in ways.items():
                yield f"{name} by {way}, protocol {protocol}", write.done(part)


def stock_classes() -> Found:
    """Use allowed classes in ways that no stock checkpoint does."""
    conv, network = "ultralytics.nn.modules.conv.Conv", "ultralytics.nn.tasks.DetectionModel"
    for protocol in PROTOCOLS:
        write = Assembler(protocol)
        for name in (conv, network, "torch.nn.modules.conv.Conv2d"):
            kind, text = write.name(name), write.text(COMMAND)
            yield f"{name} called, protocol {protocol}", write.done(write.call(kind, text))
            yield (
                f"{name} changed, {protocol}",
                write.done(kind + write.mapping(forward=text) + b"b"),
            )
            yield f"{name} made of text, {protocol}", write.done(kind + write.tuple(text) + b"\x81")
            loaded = write.call(write.name("builtins.getattr"), kind, write.text("load"))
            yield f"{name}.load called, {protocol}", write.done(write.call(loaded, text))


def dotted() -> Found:
    """Reach what an allowed name leads to by dots."""
    names = (
        "torch.nn.modules.conv:Conv2d.__init__.__globals__",
        "torch.nn.modules.conv:Conv2d.__class__",
        "torch.nn.modules.conv:torch.load",
        "torch.nn.modules.module:warnings.sys.modules",
        "ultralytics.nn.modules.conv:Conv.forward.__globals__",
        "ultralytics.nn.modules:conv.torch.hub.load",
        "ultralytics.nn.tasks:os.system",
        "ultralytics.nn.tasks:torch.load",
        "collections:OrderedDict.__class__",
        "collections:OrderedDict.fromkeys.__self__",
        "pathlib:Path.touch",
        "pathlib:os.system",
        "numpy:dtype.__class__",
        "builtins:getattr.__self__.eval",
        "torch._utils:torch.load",
        "torch:os.system",
        "_codecs:encode.__self__",
    )
    for protocol in PROTOCOLS:
        write = Assembler(protocol)
        for name in names:
            part = write.call(write.name(name), write.text(COMMAND))
            yield f"{name}, protocol {protocol}", write.done(part)


def memo_tricks() -> Found:
    """Hide a name from whoever reads only the strings next to the opcode."""
    harmless, home, own = b"\x8c\x01x", b"\x8c\x02os", b"\x8c\x06system"
    run = b"\x8c\x04true\x85R"
    ways = {
        "from the memo": home + b"\x94" + own + b"\x94" + b"00h\x00h\x01\x93",
        "with others between": home + harmless + b"0" + own + harmless + b"0\x93",
        "twice in the memo": harmless
        + b"q\x00"
        + home
        + b"q\x000"
        + own
        + b"q\x01"
        + b"h\x00h\x01\x93",
        "by long numbers": home
        + b"r\x00\x01\x00\x00"
        + own
        + b"r\x01\x01\x00\x00"
        + b"j\x00\x01\x00\x00j\x01\x01\x00\x00\x93",
        "by text numbers": home + b"p7\n" + own + b"p8\n00g7\ng8\n\x93",
        "doubled": home + b"2" + own + b"\x93",
        "from a tuple": b"(" + home + own + b"t00" + home + own + b"\x93",
        "missing from the memo": b"h\x63h\x64\x93",
        "after a mark": b"(" + harmless + b"1" + home + own + b"\x93",
        "of bytes": b"C\x02osC\x06system\x93",
        "of old strings": b"U\x02osU\x06system\x93",
        "of quoted strings": b"S'os'\nS'system'\n\x93",
        "of 8-byte strings": b"\x8d\x02" + b"\0" * 7 + b"os\x8d\x06" + b"\0" * 7 + b"system\x93",
        "in a frame": b"\x95\x40" + b"\0" * 7 + home + own + b"\x93",
    }
    for protocol in PROTOCOLS:
        write = Assembler(protocol)
        for way, part in ways.items():
            yield f"a name {way}, protocol {protocol}", write.done(part + run)


def persistent_ids() -> Found:
    """Storages that are none: torch reads them by an identifier of the pickle."""
    for protocol in PROTOCOLS:
        write = Assembler(protocol)
        kind, many = write.name("torch.FloatStorage"), b"\x8a\x08" + b"\xff" * 7 + b"\x0f"
        system = write.call(write.name("os.system"), write.text(COMMAND))

        def storage(kind: bytes, key: str, size: bytes, write: Assembler = write) -> bytes:
            told = [write.text("storage"), kind, write.text(key), write.text("cpu"), size]
            return b"(" + b"".join(told) + b"tQ"

        ways = {
            "text": write.text(COMMAND) + b"Q",
            "a line": b"Pos.system\n",
            "a call": system + b"Q",
            "another kind": storage(system, "0", b"K\x04"),
            "a path outside": storage(kind, "../../../../etc/passwd", b"K\x04"),
            "an absolute path": storage(kind, "/etc/passwd", b"K\x04"),
            "a size beyond memory": storage(kind, "0", many),
            "a negative size": storage(kind, "0", b"J\xff\xff\xff\xff"),
            "nothing": b"NQ",
            "an empty tuple": b"()tQ",
        }
        for way, part in ways.items():
            yield f"a storage by {way}, protocol {protocol}", write.done(part)


def extensions() -> Found:
    """Names by number, from the registry of the process that reads."""
    codes = {"EXT1": b"\x82\xf0", "EXT2": b"\x83\xf0\xf0", "EXT4": b"\x84\xf0\xf0\x00\x00"}
    codes |= {"EXT1 of 0": b"\x82\x00", "EXT4 below 0": b"\x84\xff\xff\xff\xff"}
    for protocol in PROTOCOLS:
        write = Assembler(protocol)
        for name, code in codes.items():
            yield f"{name}, protocol {protocol}", write.done(write.call(code, write.text(COMMAND)))


def dill_types() -> Found:
    """Types of code, by dill's names for them."""
    for protocol in PROTOCOLS:
        write = Assembler(protocol)
        for name in DILL_TYPES:
            kind = write.call(write.name("dill._dill._load_type"), write.text(name))
            yield f"{name} of dill, protocol {protocol}", write.done(kind)
            yield (
                f"{name} called, protocol {protocol}",
                write.done(write.call(kind, write.text("x"))),
            )


def sizes() -> Found:
    """Few bytes that claim, or grow to, much."""
    doubled = b"]q\x00" + b"".join(
        b"]q" + bytes([n + 1]) + b"(" + b"h" + bytes([n]) + b"h" + bytes([n]) + b"e"
        for n in range(30)
    )
    for protocol in PROTOCOLS:
        write = Assembler(protocol)
        huge = b"\x8a\x08" + b"\xff" * 7 + b"\x0f"
        ways = {
            "a long text": b"X\xff\xff\xff\x7fabc",
            "a longer text": b"\x8d" + b"\xff" * 7 + b"\x0fabc",
            "long bytes": b"\x8e" + b"\xff" * 7 + b"\x0fabc",
            "a long byte array": b"\x96" + b"\xff" * 7 + b"\x0fabc",
            "a long number": b"\x8b\xff\xff\xff\x7f\x01",
            "a frame": b"\x95" + b"\xff" * 7 + b"\x0fN",
            "lists in lists": b"]" * 60_000 + b"a" * 59_999,
            "tuples in tuples": b")" + b"\x85" * 60_000,
            "doubled lists": doubled,
            "an array of a size": write.call(write.name("builtins.bytearray"), huge),
            "a range of numbers": write.call(write.name("builtins.range"), huge),
            "an end": b"",
            "marks": b"(" * 60_000 + b"t" * 60_000,
            "a memo": b"N" + b"".join(b"r" + struct.pack("<I", n << 16) for n in range(2_000)),
        }
        for way, part in ways.items():
            yield f"{way}, protocol {protocol}", write.done(part)


FAMILIES = {
    "commands": lambda: calls(COMMANDS),
    "builtins": builtins,
    "code": lambda: calls(CODE),
    "glue": lambda: calls(GLUE),
    "libraries": lambda: calls(LIBRARIES),
    "dill": lambda: calls(DILL),
    "dill types": dill_types,
    "opcodes": opcodes,
    "stock classes": stock_classes,
    "dotted names": dotted,
    "memo": memo_tricks,
    "persistent ids": persistent_ids,
    "extensions": extensions,
    "sizes": sizes,
}
