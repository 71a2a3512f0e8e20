"""Autoencoders between pictures and latents: each file is one architecture.

A network built by a member offers `encode(images) -> Posterior`, `decode(latents) -> images`,
and the latents' statistics: the DiT sees `normalise(latents)`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from annotated_types import Ge

from seedream_core.workflow.config import Component

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class AutoencoderConfig(Component):
    """Contract: `build` returns a module as described above."""

    factor: Annotated[int, Ge(2)] = 16
    """Pixels per latent cell along a side (f)."""
    channels: Annotated[int, Ge(1)] = 16
    """Latent channels (C)."""

    def build(self) -> "nn.Module":
        raise NotImplementedError

    def flops(self, width: int, height: int, *, back: bool = True) -> int:
        """FLOPs of one picture of that size in pixels to its latents and, unless `back` is false, back to pixels:
        counted on the meta device, without computing them.
        """
        import torch
        from torch.utils.flop_counter import FlopCounterMode

        with FlopCounterMode(display=False) as counter, torch.device("meta"), torch.no_grad():
            network = self.build()
            latents = network.encode(torch.empty(1, 3, height, width)).mean
            if back:
                network.decode(latents)
        return counter.get_total_flops()


def check_latents(data: Mapping[str, Any], part: str, facts: Mapping[str, Any]) -> None:
    """ValueError if the facts of latents (`data`) differ from the facts of the `part` (model, vae) that will use them
    in channels or factor: another autoencoder made them.
    """
    for name in ("channels", "factor"):
        if data.get(name) != facts.get(name):
            raise ValueError(
                f"data has {name} {data.get(name)}, but {part} has {name} {facts.get(name)}: name the latents and the "
                "autoencoder of one run"
            )
