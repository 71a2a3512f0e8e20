"""Estimates, before the first step of a recipe runs, how long its steps take on this machine.

Each stage times a few calls of what it spends its time on (`Stage.expected_seconds`), in a process of its own, so that
no memory of a GPU stays taken.
"""

import multiprocessing
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from seedream_core.progress import count, duration
from seedream_core.workflow import durations
from seedream_core.workflow.host import Host
from seedream_core.workflow.recipe import Step
from seedream_core.workflow.stage import Stage

LITTLE = 2e12
"""FLOPs that any machine computes within a minute: nobody needs an estimate of these."""
NAMED = 3


@dataclass(frozen=True)
class Estimate:
    """What the steps that are not done will take."""

    steps: Mapping[str, float]
    """Name -> seconds of the whole step, for the steps that could be measured."""
    left: float
    """Seconds of these steps without what earlier sessions spent on them."""
    flops: float
    """FLOPs of the whole steps."""
    unknown: tuple[str, ...]
    """Names of the steps that could not be measured."""

    def sentence(self) -> str:
        """`about 26 min 10 s: 0.39 PFLOP at 250 GFLOP/s measured (longest: …)`."""
        longest = sorted(self.steps, key=self.steps.__getitem__, reverse=True)[:NAMED]
        named = ", ".join(f"{name} {duration(self.steps[name])}" for name in longest)
        rate = self.flops / sum(self.steps.values())
        without = f"; not counted: {', '.join(self.unknown)}" if self.unknown else ""
        return (
            f"about {duration(self.left)}: {count(self.flops)}FLOP at {count(rate)}FLOP/s measured here "
            f"(longest: {named}{without})"
        )


def estimate(steps: Sequence[Step], host: Host) -> Estimate | None:
    """Measure what these steps take; None where they compute too little to be worth it."""
    if sum(step.facts.get("flops", 0) for step in steps) < LITTLE:
        return None
    able = [step for step in steps if type(step.stage).expected_seconds is not Stage.expected_seconds]
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        found = process.submit(_measured, [(step.stage, step.inputs) for step in able], host).result()
    seconds = {step.name: one for step, one in zip(able, found) if one is not None}
    counted = [step for step in able if step.name in seconds]
    return Estimate(
        steps=seconds,
        left=sum(max(seconds[step.name] - durations.read(step.folder).spent, 0.0) for step in counted),
        flops=sum(step.facts.get("flops", 0) for step in counted),
        unknown=tuple(step.name for step in steps if step.name not in seconds),
    )


def _measured(parts: Sequence[tuple[Stage, Mapping]], host: Host) -> list[float | None]:
    host.limit_threads()
    alone = [stage.expected_seconds(inputs, host) for stage, inputs in parts]
    return [None if one is None else one / sharers(stage, host) for one, (stage, _) in zip(alone, parts)]


def sharers(stage: Stage, host: Host) -> int:
    """How many devices share a stage's work. On a CPU, processes do where each has cores of its own."""
    if not stage.distributed:
        return 1
    cores = os.cpu_count() or 1
    apart = host.devices if host.device() == "cuda" else max(1, cores // (host.threads or cores))
    return min(host.devices, apart) * host.nodes
