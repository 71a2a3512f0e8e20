"""Quantised networks: four-bit weights with eight-bit activations, chosen by measured sensitivity."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from seedream_core import artifact
from seedream_core.quant.w4a8 import QuantLinear, restore


def load_quantised(network: nn.Module, folder: Path) -> nn.Module:
    """A fresh network, its layers made those that `folder/weights.safetensors` holds, filled from it."""
    return restore(network, artifact.load_tensors(folder / "weights.safetensors"), folder)


def stored(network: nn.Module) -> Mapping[str, Tensor]:
    """The tensors of a quantised network as they go to disk: integers packed, scales f32, all else bf16."""
    def cast(name: str, tensor: Tensor) -> Tensor:
        return tensor if name in scales or not tensor.is_floating_point() else tensor.to(torch.bfloat16)

    scales = {f"{name}.scale" for name, layer in network.named_modules() if isinstance(layer, QuantLinear)}
    return {name: cast(name, tensor) for name, tensor in network.state_dict().items()}
