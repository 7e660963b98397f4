"""A Ray cluster of two nodes on this machine, as two machines would make it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from core.cluster.place import Place
from core.cluster.ray_start import QUIET
from core.pipeline import load
from tests.core.conftest import ROOT
from tests.core.images import make_dataset

STORE = 1 << 27


@pytest.fixture(scope="session")
def ray() -> Any:
    """Ray, where it is installed."""
    return pytest.importorskip("ray", reason="needs Ray (pip install 'secateur[cluster]')")


@pytest.fixture(scope="session")
def cluster(ray) -> Iterator[Any]:
    """Two nodes with a core each; this process is connected to the first."""
    os.environ.update(QUIET)
    os.environ.update({"RAY_AUTH_MODE": "disabled", "PYTHONPATH": str(ROOT)})
    from ray.cluster_utils import Cluster

    options = {"num_cpus": 1, "object_store_memory": STORE, "include_dashboard": False}
    made = Cluster(initialize_head=True, head_node_args=options)
    try:
        made.add_node(num_cpus=1, object_store_memory=STORE)
        ray.init(address=made.address, log_to_driver=False, logging_level="CRITICAL")
        yield made
    finally:
        ray.shutdown()
        made.shutdown()


@pytest.fixture(scope="session")
def place() -> Place:
    """Ray, as the process is connected to it."""
    return Place.parse("ray")


@pytest.fixture(scope="session")
def small(trained, tmp_path_factory):
    """A trained network and images of its classes."""
    data = make_dataset(tmp_path_factory.mktemp("data"), load(trained).facts.classes, images=6)
    return trained, data


class Killer:
    """A progress that kills a node once a part of the work is done.

    Parameters
    ----------
    cluster : ray.cluster_utils.Cluster
        Gets a node that runs half of the work.
    """

    def __init__(self, cluster: Any) -> None:
        self._cluster = cluster
        self._node = cluster.add_node(num_cpus=2, object_store_memory=STORE)
        self.killed = False

    def __call__(self, share: float, text: str) -> None:
        found = re.search(r"Done: (\d+) of (\d+) parts, by Ray", text)
        if found and 0 < int(found[1]) < int(found[2]):
            self.kill()

    def kill(self) -> None:
        """End the node at once, as a power cut would."""
        if not self.killed:
            self.killed = True
            self._cluster.remove_node(self._node, allow_graceful=False)


@pytest.fixture
def killer(cluster) -> Iterator[Killer]:
    """A node that dies once a part of the work is done."""
    made = Killer(cluster)
    yield made
    made.kill()
    cluster.wait_for_nodes()  # whatever follows should find no node that is dead already


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(1)
