"""Times networks on this machine, with first weights and random inputs: what a run is estimated from.

Each measurement takes a second or two and is remembered, so that steps with one network share it.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from seedream_core import processor, randomness
from seedream_core.flow.velocity import predict
from seedream_core.models.autoencoder import AutoencoderConfig
from seedream_core.models.conditions import Conditions
from seedream_core.models.dit import DitConfig
from seedream_core.training import memory
from seedream_core.training.optimizer import SkipNonFinite
from seedream_core.workflow.config import parse
from seedream_core.workflow.host import Host, Train

SECONDS = 1.0
BESIDE = 1.15
"""A training step over its network's part: data, average, log. In the quickstart, on a CPU with bf16 and on one limited
to AVX2, its two long trainings took 1.13 to 1.26 times what their networks alone did.
"""


def seconds_to_learn(network: nn.Module, loss: Callable[[int], Tensor], train: Train, host: Host) -> float:
    """Seconds of one sample in an optimiser step; `loss(rows)` puts that many through the network."""
    network.train()
    optimizer, rows = SkipNonFinite(network, train), rows_at_once(train, host)

    def step() -> None:
        with torch.autocast(host.device(), torch.bfloat16, enabled=host.bf16()):
            value = loss(rows)
        value.backward()
        optimizer.step()
        optimizer.zero_grad()

    return BESIDE * _fastest(step, host) / rows


def seconds_to_answer(answer: Callable[[int], Tensor], rows: int, host: Host) -> float:
    """Seconds of one sample in a forward pass; `answer(rows)` puts that many through a network."""

    def call() -> None:
        with torch.inference_mode(), torch.autocast(host.device(), torch.bfloat16, enabled=host.bf16()):
            answer(rows)

    return _fastest(call, host) / rows


def velocity_to_learn(facts: Mapping[str, Any], train: Train, host: Host) -> float:
    """Seconds of one sample in an optimiser step of the velocity network that a generator's facts describe."""
    return _velocity(*_described(facts), train, 0, host)


def velocity_to_answer(facts: Mapping[str, Any], rows: int, host: Host) -> float:
    """Seconds of one sample in an evaluation of `rows` samples by that network."""
    return _velocity(*_described(facts), None, rows, host)


def autoencoder_to_learn(net: AutoencoderConfig, width: int, height: int, train: Train, host: Host) -> float:
    """Seconds of one picture of that size in an optimiser step of an autoencoder."""
    network, pictures = net.build().to(host.device()), _pictures(width, height, host)
    return seconds_to_learn(
        network, lambda rows: network.decode(network.encode(pictures(rows)).mean).square().mean(), train, host
    )


def autoencoder_to_encode(net: AutoencoderConfig, width: int, height: int, rows: int, host: Host) -> float:
    """Seconds of one of `rows` pictures of that size to its latents."""
    network, pictures = net.build().to(host.device()).eval(), _pictures(width, height, host)
    return seconds_to_answer(lambda rows: network.encode(pictures(rows)).mean, rows, host)


def rows_at_once(train: Train, host: Host) -> int:
    """Samples of a step that one device has in memory together."""
    share = max(1, train.global_batch // (host.devices * host.nodes))
    return min(share, host.micro_batch or share)


def _described(facts: Mapping[str, Any]) -> tuple[DitConfig, tuple[int, int, int], int, int]:
    """The network, the shape of its latents, and width and number of its text tokens."""
    height, width = (facts[side] // facts["factor"] for side in ("height", "width"))
    shape = facts["channels"], height, width
    return parse(DitConfig, facts["net"]), shape, facts["text_width"], facts["text_tokens"]


@functools.cache
def _velocity(
    net: DitConfig, shape: tuple[int, int, int], width: int, tokens: int, train: Train | None, rows: int, host: Host
) -> float:
    device = host.device()
    network = net.build(channels=shape[0], text_width=width).to(device)

    def answer(rows: int) -> Tensor:
        text = torch.randn(rows, tokens, width, device=device)
        conditions = Conditions(text, torch.ones(rows, tokens, dtype=torch.bool, device=device))
        z = torch.randn(rows, *shape, device=device)
        return predict(network, z, torch.rand(rows, device=device), conditions).velocity

    if train is None:
        network.eval().requires_grad_(False)
        return seconds_to_answer(answer, rows, host)

    def loss(rows: int) -> Tensor:
        # each sample's noise has a generator of its own, which a fast machine notices
        noise = randomness.normal(train.seed, [str(row) for row in range(rows)], 0, shape).to(device)
        return (answer(rows) - noise).square().mean()

    return seconds_to_learn(network, loss, train, host)


def _pictures(width: int, height: int, host: Host) -> Callable[[int], Tensor]:
    return lambda rows: torch.rand(rows, 3, height, width, device=host.device())


def _fastest(call: Callable[[], None], host: Host) -> float:
    """Seconds of the fastest call, after one that does not count: what other processes took away is no part of it."""

    def finished() -> None:
        call()
        if host.device() == "cuda":
            torch.cuda.synchronize()

    memory.keep_freed()
    return processor.fastest(finished, SECONDS)
