"""What a model costs: seconds for one picture on this machine, and megabytes of the files that a picture needs."""

import platform
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seedream_core.generate.metadata import Request
    from seedream_core.pipeline.sampler import Sampler


def seconds_alone(sampler: "Sampler", wanted: "Sequence[Request]", repeats: int) -> float:
    """Seconds for one picture by itself, after one to warm up: the median."""
    from seedream_core.generate import requests

    seconds = []
    for index in range(repeats + 1):
        started = time.perf_counter()
        requests.draw(sampler, [wanted[index % len(wanted)]])
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[1:])


def megabytes(folder: Path) -> dict[str, float]:
    """Sizes of the files that a picture needs."""
    from seedream_core.pipeline import generator

    spec = generator.read_spec(folder)
    parts = {
        "network": folder,
        "autoencoder": generator.locate(folder, spec.autoencoder),
        "text": generator.locate(folder, spec.text),
    }
    sizes = {
        name: sum(file.stat().st_size for file in (part / "network").rglob("*") if file.is_file()) / 1e6
        for name, part in parts.items()
    }
    return sizes | {"total": sum(sizes.values())}


def machine(device: str) -> str:
    """The processor that the seconds belong to."""
    import torch

    if device == "cuda":
        return torch.cuda.get_device_name()
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
