"""Quantised networks: four-bit weights with eight-bit activations, chosen by measured sensitivity."""

from pathlib import Path

from torch import nn

from seedream_core.models.dit import DitConfig
from seedream_core.models.network import save as save_network
from seedream_core.quant.w4a8 import restore, stored
from seedream_core.workflow import artifact


def load_quantised(network: nn.Module, folder: Path) -> nn.Module:
    """A fresh network, its layers made those that `folder/weights.safetensors` holds, filled from it."""
    return restore(network, artifact.load_tensors(folder / "weights.safetensors"), folder)


def save_quantised(folder: Path, network: nn.Module, config: DitConfig) -> int:
    """Write a network folder that `load_quantised` reads; the bytes of its weights."""
    extra = {"channels": network.channels, "text_width": network.text_width}
    save_network(folder, config, stored(network), extra=extra)
    return (folder / "weights.safetensors").stat().st_size
