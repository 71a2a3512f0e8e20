"""Benchmarks of ours against what they must beat, both sides in turns: one JSON result each, with the machine it was
taken on.
"""

import json
import os
import platform
import statistics
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from annotated_types import MinLen

from seedream_core import processor
from seedream_core.evaluation.benchmarks import Benchmark, Comparison
from seedream_core.workflow import artifact
from seedream_core.workflow.host import Host
from seedream_core.workflow.stage import Stage


def _all() -> tuple[Benchmark, ...]:
    return tuple(Benchmark.find(name)() for name in Benchmark.names())


@dataclass(frozen=True, kw_only=True)
class SpeedStage(Stage):
    makes: ClassVar[str] = "timings"
    benchmarks: Annotated[tuple[Benchmark, ...], MinLen(1)] = field(default_factory=_all)
    "what is timed, in this order; nothing else should run on the machine"

    def run(self, out: Path, host: Host) -> dict:
        host.limit_threads()
        machine, metrics = _machine(), {}
        print("  ".join(f"{name}: {value}" for name, value in machine.items()), file=sys.stderr)
        for one in self.benchmarks:
            with tempfile.TemporaryDirectory(prefix=".speed-", dir=out) as folder:
                found = one.run(Path(folder))
            result = {"benchmark": one.name(), "machine": machine, "cases": [case.to_json() for case in found]}
            artifact.write_atomic(out / f"{one.name()}.json", json.dumps(result, indent=1) + "\n")
            for case in found:
                print(f"{one.name()}: {_line(case)}", file=sys.stderr)
            goals = [case for case in found if case.goal is not None]
            metrics[one.name()] = {
                "holds": all(case.holds for case in goals),
                "least_median": min(statistics.median(case.ratios) for case in goals or found),
            }
        return metrics


def _line(case: Comparison) -> str:
    figures = case.to_json()
    verdict = "" if case.goal is None else f"  goal {case.goal:g}: {'holds' if case.holds else 'DOES NOT HOLD'}"
    return (
        f"{case.case}: {figures['ratio']:.2f}× ({figures['least']:.2f}–{figures['most']:.2f}), "
        f"{figures['ours_per_second']:.0f} per second{verdict}"
    )


def _machine() -> dict[str, str | int]:
    """The machine in words, with the rates of its matrix products: the ceilings of what networks reach on it."""
    info = Path("/proc/cpuinfo")
    models = (
        [line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        if info.is_file()
        else []
    )
    return {
        "processor": models[0] if models else platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "unset"),
        "python": platform.python_version(),
        **_ceilings(),
    }


def _ceilings() -> dict[str, str | int]:
    import torch

    kinds = {"float32": torch.float32, "int8": torch.int8}
    if processor.has_bf16():
        kinds["bf16"] = torch.bfloat16
    rates = {name: processor.matmul_flops(torch.device("cpu"), dtype) for name, dtype in kinds.items()}
    return {"threads": torch.get_num_threads()} | {
        f"{name} products": f"{rate / 1e9:.0f} GFLOP/s" for name, rate in rates.items()
    }
