"""Saves and loads this project's networks: `config.yaml` beside `weights.safetensors`."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import torch
import yaml
from torch import Tensor, nn

from seedream_core.errors import DataError
from seedream_core.workflow import artifact
from seedream_core.workflow.config import Config, dump, load_yaml, parse

FORMAT = 1
ConfigT = TypeVar("ConfigT", bound=Config)


def save(
    folder: Path,
    config: Config,
    tensors: Mapping[str, Tensor],
    *,
    extra: Mapping[str, int | str] = {},
    dtype: torch.dtype | None = None,
) -> None:
    """Write a network's config, other arguments of its constructor (`extra`) and its tensors, floats cast to
    `dtype`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    cast = {name: _cast(tensor, dtype) for name, tensor in tensors.items()}
    artifact.save_tensors(folder / "weights.safetensors", cast, {"format": str(FORMAT)})
    page = {"format": FORMAT, "network": dump(config), **extra}
    artifact.write_atomic(folder / "config.yaml", yaml.safe_dump(page, sort_keys=False, allow_unicode=True))


def read_config(folder: Path, cls: type[ConfigT]) -> tuple[ConfigT, dict]:
    """The config (a `cls` or a member of that family) and the extra keys of a saved network."""
    document = load_yaml(folder / "config.yaml")
    page = dict(document.tree)
    if page.pop("format", None) != FORMAT:
        raise DataError(f"{folder}: this version reads network format {FORMAT}", fix="make the artifact again")
    network = page.pop("network", None)
    return parse(cls, network, document=document, prefix=("network",)), page


def load(folder: Path, cls: type[ConfigT], build: Callable[[ConfigT, dict], nn.Module]) -> nn.Module:
    """Build the network of `folder` and load its weights, in float32; DataError lists wrong names or shapes."""
    config, extra = read_config(folder, cls)
    module = build(config, extra)
    fill(module, artifact.load_tensors(folder / "weights.safetensors"), folder)
    return module


def fill(module: nn.Module, tensors: Mapping[str, Tensor], origin: Path) -> None:
    """Copy tensors into a module of the same names and shapes."""
    expected = module.state_dict()
    wrong = sorted(expected.keys() ^ tensors.keys())
    wrong += [name for name in expected.keys() & tensors.keys() if expected[name].shape != tensors[name].shape]
    if wrong:
        raise DataError(
            f"{origin}: weights do not fit the config, at {', '.join(wrong[:5])}", fix="make the artifact again"
        )
    module.load_state_dict({name: tensor.to(expected[name].dtype) for name, tensor in tensors.items()})


def _cast(tensor: Tensor, dtype: torch.dtype | None) -> Tensor:
    tensor = tensor.detach().cpu()
    return tensor.to(dtype).contiguous() if dtype is not None and tensor.is_floating_point() else tensor.contiguous()
