"""Places are read and written alike; anything else is refused in one line."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.cluster.place import CLIENT_PORT, POSSIBLE, Place
from core.cluster.pool import open_pool
from core.cluster.slurm import read_place
from core.errors import UserError

hosts = st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,30}[a-z0-9])?", fullmatch=True)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("ray", Place("ray")),
        ("ray://head", Place("ray", f"head:{CLIENT_PORT}")),
        ("ray://10.0.0.7:6000", Place("ray", "10.0.0.7:6000")),
        ("ray://[fe80::1]:10001/", Place("ray", "[fe80::1]:10001")),
        ("slurm", Place("slurm")),
        ("slurm:gpu-long", Place("slurm", partition="gpu-long")),
    ],
)
def test_what_is_read(text, place):
    assert Place.parse(text) == place


@given(hosts, st.integers(1, 65535))
def test_addresses_come_back(host, port):
    place = Place.parse(f"ray://{host}:{port}")
    assert place.address == f"{host}:{port}" and Place.parse(place.text) == place


@given(st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True))
def test_partitions_come_back(name):
    place = Place.parse(f"slurm:{name}")
    assert place.partition == name and Place.parse(place.text) == place


@given(st.text())
@example("")
@example("ray:")
@example("ray://")
@example("ray://host:0")
@example("ray://host:65536")
@example("ray://host:10001; rm -rf /")
@example("ray://user@host")
@example("Ray")
@example("slurm:")
@example("slurm:-x")
@example("slurm:--wrap=sh")
@example("ssh://host")
@example("ray\n")
def test_anything_else_is_refused_in_one_line(text):
    try:
        assert Place.parse(Place.parse(text).text) == Place.parse(text)
    except UserError as error:
        assert error.hint == POSSIBLE and len(error.message) < 120


limits = st.dictionaries(
    st.sampled_from(["minutes", "gpus", "account", "qos"]), st.integers(1, 9**5).map(str)
)
names = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)


@given(st.one_of(st.just(""), names), limits)
def test_lines_come_back_with_their_limits(partition, wanted):
    place = Place("slurm", partition=partition, limits=tuple(wanted.items()))
    assert read_place(place.line) == place
    words = " ".join(f"{name}={value}" for name, value in wanted.items())
    assert read_place(f" slurm  {partition} {words} ") == place


@pytest.mark.parametrize("text", ["ray", "ray://head:6000"])
def test_lines_without_limits(text):
    assert read_place(f" {text} ") == Place.parse(text)


@pytest.mark.parametrize(
    "line",
    ["", " ", "ray minutes=3", "ray://head 10001", "slurm a b", "slurm:a b", "slurm minutes=x",
     "slurm a b=1 c", "slurm gpu; ls", "pbs minutes=3", "slurm =1", "minutes=3"],
)  # fmt: skip
def test_lines_that_are_no_place_are_refused_in_one_line(line):
    with pytest.raises(UserError) as refused:
        read_place(line)
    assert refused.value.hint and "\n" not in str(refused.value)


def test_work_that_a_place_does_not_run_is_refused():
    with pytest.raises(UserError, match="cannot run on “nowhere:x”"):
        open_pool(Place("nowhere", partition="x"))
