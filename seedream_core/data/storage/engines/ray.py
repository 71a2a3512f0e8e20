"""Ray tasks: on the cluster that RAY_ADDRESS names, else on a Ray of its own on this machine.

On a cluster every node needs the package and the same paths: a shared file system. Only this process writes. A Ray of
its own has no dashboard, sends no telemetry and lets nobody in without its token (Ray 2.52 and later; its ports are
open to the network, so leave older ones behind a firewall).
"""

import os
import secrets
import socket
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from types import ModuleType
from typing import Any

from seedream_core.data.storage.engines import Engine
from seedream_core.data.storage.ordered import CHUNK, each, processes
from seedream_core.errors import UserError
from seedream_core.extras import extra

STORE_BYTES = 256 * 2**20
"""Shared memory for chunks and results under way; what is over goes to Ray's folder on disk."""

SECONDS = 10


@dataclass(frozen=True, kw_only=True)
class RayEngine(Engine):
    def __call__(
        self, work: Callable[[Any], Any], tasks: Sequence[Any], workers: int, at_once: int = CHUNK
    ) -> Iterator[Any]:
        if not tasks:
            return
        with _session(workers) as ray:
            remote, shared = ray.remote(each), ray.put(work)
            chunks = (list(tasks[start : start + at_once]) for start in range(0, len(tasks), at_once))
            limit = 3 * (workers or max(1, int(ray.cluster_resources().get("CPU", 1))))
            under_way = deque(remote.remote(shared, chunk) for chunk in islice(chunks, limit))
            try:
                while under_way:
                    results = ray.get(under_way.popleft())
                    under_way.extend(remote.remote(shared, chunk) for chunk in islice(chunks, 1))
                    yield from results
            except ray.exceptions.RayTaskError as error:
                raise error.cause from None
            except ray.exceptions.RayError as error:
                raise UserError(
                    f"Ray: {str(error).strip().partition(chr(10))[0][:200]}",
                    "see to the cluster; the same command goes on from the last whole shard",
                ) from None
            finally:
                for reference in under_way:
                    ray.cancel(reference)


@contextmanager
def _session(workers: int) -> Iterator[ModuleType]:
    """Ray as it is found: started already, at RAY_ADDRESS, or begun here and ended again."""
    address = os.environ.get("RAY_ADDRESS")
    if (
        not address and "ray" not in sys.modules
    ):  # Ray reads its settings when it is imported; what the user has set stands
        for name, value in {
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
        }.items():
            os.environ.setdefault(name, value)
    ray = extra("ray", "ray", "engine: ray")
    if ray.is_initialized():
        yield ray
    elif address:
        _reach(address)
        with _begun(ray, address=address):
            yield ray
    else:
        # Its sockets need a short path, its logs are of no use once it has ended.
        with (
            tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder,
            _begun(
                ray,
                address="local",
                num_cpus=processes(workers),
                object_store_memory=STORE_BYTES,
                include_dashboard=False,
                _temp_dir=folder,
            ),
        ):
            yield ray


def _reach(address: str) -> None:
    """Ray itself tries for minutes."""
    host, _, port = address.rpartition("/")[2].rpartition(":")
    try:
        if port.isdigit():
            socket.create_connection((host, int(port)), SECONDS).close()
    except OSError as error:
        raise UserError(
            f"no Ray at {address}: {error.strerror or error}",
            "correct RAY_ADDRESS, or unset it for a Ray of this machine's own",
        ) from None


@contextmanager
def _begun(ray: ModuleType, **options: Any) -> Iterator[None]:
    try:
        ray.init(log_to_driver=False, logging_level="error", **options)
    except (ConnectionError, OSError, RuntimeError, ValueError) as error:
        raise UserError(
            f"no Ray at {options['address']}: {str(error).partition(chr(10))[0][:200]}",
            "correct RAY_ADDRESS, or unset it for a Ray of this machine's own",
        ) from None
    try:
        yield
    finally:
        ray.shutdown()
