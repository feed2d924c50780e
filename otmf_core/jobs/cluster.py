"""A connection to a Ray cluster that is there already, and what a run asks of it. Ray is loaded when one is chosen."""

from __future__ import annotations

import logging
import os
import re
import socket
import threading
from collections.abc import Iterable, Mapping
from typing import Any

import psutil

from otmf_core import __version__
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.files import shown
from otmf_core.forecast.sizes import sizes
from otmf_core.forecast.work import work
from otmf_core.library.library import open_library

AUTO = "auto"
ADDRESS = re.compile(r"(?:ray://)?(?P<host>[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\]):(?P<port>[0-9]{1,5})")
NAMESPACE = "otmf"
REACH_SECONDS = 5.0
BESIDE = 1 << 30  # bytes that a process has beside the tensors that are counted: Python, torch, kernels

_connecting = threading.Lock()
_connected: str | None = None  # one cluster per process, as Ray has it


def connect(address: str) -> None:
    """Connect this process to the cluster at ray://HOST:PORT or HOST:PORT, or `auto`, the one that runs here.

    Raises InputError where Ray is not installed, nothing answers, or this process has another cluster.
    """
    global _connected
    where = None if address == AUTO else ADDRESS.fullmatch(address)
    if address != AUTO and where is None:
        raise InputError(f"a Ray cluster is auto, ray://HOST:PORT or HOST:PORT, received {shown(address)}")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ["RAY_ENABLE_AUTO_CONNECT"] = "0"  # or Ray would start a cluster of its own where one was lost
    try:
        import ray
    except ImportError as error:
        raise InputError(
            f"a cluster needs Ray, which is not installed here ({shown(error, 80)}): pip install 'otmf[ray]'"
        ) from None
    with _connecting:
        if ray.is_initialized() and _connected == address:
            return
        if where is not None:
            _reach(address, where["host"].strip("[]"), int(where["port"]))
        if ray.is_initialized() and _connected is not None:
            raise InputError(f"a process has one Ray cluster at a time: this one has {_connected}, received {address}")
        try:
            ray.init(
                address=address,
                namespace=NAMESPACE,
                log_to_driver=False,
                logging_level=logging.ERROR,
                ignore_reinit_error=True,
            )
        except Exception as error:  # Ray has many: of versions, of addresses, of itself
            raise silent(address, error) from None
        _connected = address


def disconnect() -> None:
    """Leave the cluster, where this process has one."""
    global _connected
    with _connecting:
        if _connected is not None:
            import ray

            ray.shutdown()
            _connected = None


def _reach(address: str, host: str, port: int) -> None:
    """Raise InputError where nothing listens: Ray itself would try for a minute."""
    try:
        socket.create_connection((host, port), REACH_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise silent(address, getattr(error, "strerror", None) or error) from None


def silent(address: str, reason: Exception | str) -> InputError:
    """The error that says that no cluster answers at an address, and the first line of why."""
    lines = str(reason).strip().splitlines() or [type(reason).__name__]
    return InputError(f"a Ray cluster answers at its address, {address} does not: {shown(lines[0], 160)}")


def keeper(create: bool) -> Any:
    """The handle of the cluster's keeper of this version; None where there is none and none is to be made."""
    import ray

    from otmf_core.jobs.keeper import Keeper

    name = f"keeper-{__version__}"
    if not create:
        try:
            return ray.get_actor(name, namespace=NAMESPACE)
        except ValueError:
            return None
    options = {
        "name": name,
        "namespace": NAMESPACE,
        "lifetime": "detached",
        "get_if_exists": True,
        "num_cpus": 0,
        "resources": {"node:__internal_head__": 0.001},  # without which there is no cluster
    }
    return ray.remote(Keeper).options(**options).remote()


def threads() -> int:
    """The threads of a merge: OMP_NUM_THREADS, else as many as torch would take here, one for every core."""
    given = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return int(given) if given.isdecimal() and int(given) else psutil.cpu_count(logical=False) or os.cpu_count() or 1


def needs(config: MergeConfig, nodes: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """What a merge asks of a node, as options of a task: CPUs, bytes by its forecast, and a GPU where it uses one.

    `nodes` are the resources of each. Raises InputError where no node has as much, and on a device of one machine only.
    """
    if config.device not in ("auto", "cpu", "cuda"):
        raise InputError(f"a merge on a cluster has the device auto, cpu or cuda, received {config.device}")
    nodes = list(nodes)
    gpu = config.device == "cuda" or (config.device == "auto" and any(node.get("GPU", 0) >= 1 for node in nodes))
    memory = work(config, sizes(open_library(config.library), config)).tensors + BESIDE
    asked = {"CPU": threads(), "memory": memory, "GPU": 1 if gpu else 0}
    if not any(all(node.get(name, 0) >= count for name, count in asked.items()) for node in nodes):
        most = {name: max((node.get(name, 0) for node in nodes), default=0) for name in asked}
        raise InputError(
            f"a run fits on one node: it asks for {_words(asked)}, and the nodes have at most {_words(most)}; "
            "OMP_NUM_THREADS sets how many CPUs it takes"
        )
    return {"num_cpus": asked["CPU"], "memory": memory, **({"num_gpus": 1} if gpu else {})}


def _words(resources: Mapping[str, float]) -> str:
    gpus = f", {resources['GPU']:.0f} GPU" if resources["GPU"] else ""
    return f"{resources['CPU']:.0f} CPU{gpus}, {resources['memory'] / 2**30:.1f} GiB"


def nodes() -> list[Mapping[str, float]]:
    """The resources of every node that is alive."""
    import ray

    return [node["Resources"] for node in ray.nodes() if node["Alive"]]
