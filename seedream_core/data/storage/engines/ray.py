"""Engine that runs work as Ray tasks: on the cluster given by RAY_ADDRESS, otherwise on a private Ray on this machine.

On a cluster every node needs the package and the same paths (a shared file system). Only this process writes. The
private Ray has no dashboard, sends no telemetry and accepts only clients with its token (Ray 2.52 and later; its ports
are open to the network, so run older versions behind a firewall).
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
"""Shared memory for chunks and results in progress; larger amounts spill to Ray's folder on disk."""

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
                    "check the cluster; the same command resumes after the last complete shard",
                ) from None
            finally:
                for reference in under_way:
                    ray.cancel(reference)


@contextmanager
def _session(workers: int) -> Iterator[ModuleType]:
    """Yields a Ray that is already running, one at RAY_ADDRESS, or a new one that is shut down at the end."""
    address = os.environ.get("RAY_ADDRESS")
    if not address and "ray" not in sys.modules:  # Ray reads its settings on import; settings of the user are kept
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
        _check_address(address)
        with _initialised(ray, address=address):
            yield ray
    else:
        # Its sockets need a short path, and its logs are not needed afterwards.
        with (
            tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder,
            _initialised(
                ray,
                address="local",
                num_cpus=processes(workers),
                object_store_memory=STORE_BYTES,
                include_dashboard=False,
                _temp_dir=folder,
            ),
        ):
            yield ray


def _check_address(address: str) -> None:
    """Fails early if nothing listens at the address: Ray itself would retry for minutes."""
    host, _, port = address.rpartition("/")[2].rpartition(":")
    try:
        if port.isdigit():
            socket.create_connection((host, int(port)), SECONDS).close()
    except OSError as error:
        raise UserError(
            f"cannot connect to Ray at {address}: {error.strerror or error}",
            "correct RAY_ADDRESS, or unset it to start Ray on this machine",
        ) from None


@contextmanager
def _initialised(ray: ModuleType, **options: Any) -> Iterator[None]:
    try:
        ray.init(log_to_driver=False, logging_level="error", **options)
    except (ConnectionError, OSError, RuntimeError, ValueError) as error:
        raise UserError(
            f"cannot connect to Ray at {options['address']}: {str(error).partition(chr(10))[0][:200]}",
            "correct RAY_ADDRESS, or unset it to start Ray on this machine",
        ) from None
    try:
        yield
    finally:
        ray.shutdown()
