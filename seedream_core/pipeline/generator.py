"""Reads and writes the artifact of kind `generator`: a velocity network with paths to its autoencoder and text
encoder.
"""

import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import torch
import yaml
from annotated_types import Ge, Gt
from torch import nn

from seedream_core.errors import DataError
from seedream_core.models import network
from seedream_core.models.autoencoder import AutoencoderConfig
from seedream_core.models.autoencoder.latents import LatentModule
from seedream_core.models.dit import DitConfig
from seedream_core.models.text.llm import LlmEncoder
from seedream_core.workflow import artifact
from seedream_core.workflow.config import Config, dump, load_yaml, parse

PAGE = "generator.yaml"


@dataclass(frozen=True, kw_only=True)
class Part(Config):
    """Another artifact that this one needs."""

    path: str
    """Its folder, relative to this artifact's."""
    digest: str
    """Its content when this artifact was made."""


@dataclass(frozen=True, kw_only=True)
class GeneratorSpec(Config):
    """generator.yaml: what a sampler must know beside the weights."""

    format: Literal["bf16", "f32", "w4a8"] = "bf16"
    """How the network's weights are stored."""
    autoencoder: Part
    text: Part
    guidance_distilled: bool = False
    """Whether one evaluation already carries the guidance."""
    guidance_scales: tuple[float, float] | None = None
    """The lowest and the highest scale of a distilled network that has a guidance embedding."""
    guidance: Annotated[float, Ge(0)] = 3.0
    """Default guidance scale; 1 asks the network only once per step."""
    steps: Annotated[int, Ge(1)] = 50
    """Default number of steps."""
    base_tokens: Annotated[int, Ge(1)] = 16
    """Image tokens at which sampling times are not shifted by resolution."""
    shift: Annotated[float, Gt(0)] = 1.0
    """Shift of the sampling times at `base_tokens`."""
    width: Annotated[int, Ge(1)] = 64
    """Pixels of a picture by default."""
    height: Annotated[int, Ge(1)] = 64


@dataclass(frozen=True)
class Pipeline:
    """A generator in memory, in float32 and evaluation mode."""

    network: nn.Module
    autoencoder: LatentModule
    text: LlmEncoder
    spec: GeneratorSpec
    config: DitConfig


def part(folder: Path, owner: Path) -> Part:
    """A reference from the artifact being made at `owner` to the finished artifact in `folder`."""
    return Part(path=os.path.relpath(folder, owner), digest=artifact.read(folder).digest)


def rebase(spec: GeneratorSpec, source: Path, out: Path) -> GeneratorSpec:
    """The same references as `source` has, seen from `out`."""

    def moved(item: Part) -> Part:
        return replace(item, path=os.path.relpath(source / item.path, out))

    return replace(spec, autoencoder=moved(spec.autoencoder), text=moved(spec.text))


def write(out: Path, module: nn.Module, config: DitConfig, spec: GeneratorSpec) -> None:
    """Write network/ and generator.yaml; the weights in the format that the spec names (bf16 or f32)."""
    if spec.format == "w4a8":
        raise ValueError("4-bit networks are written by seedream_core.quant")
    dtype = torch.bfloat16 if spec.format == "bf16" else torch.float32
    extra = {"channels": module.channels, "text_width": module.text_width}
    network.save(out / "network", config, module.state_dict(), extra=extra, dtype=dtype)
    write_spec(out, spec)


def write_spec(out: Path, spec: GeneratorSpec) -> None:
    artifact.write_atomic(out / PAGE, yaml.safe_dump(dump(spec), sort_keys=False, allow_unicode=True))


def read_spec(folder: Path) -> GeneratorSpec:
    """generator.yaml of an artifact folder."""
    if not (folder / PAGE).is_file():
        raise DataError(
            f"{folder}: no {PAGE}, so this is no generator",
            fix="name a folder made by pretrain/mmdit, posttrain, distill or quantize",
        )
    document = load_yaml(folder / PAGE)
    return parse(GeneratorSpec, document.tree, document=document)


def with_guidance_embedding(module: nn.Module, config: DitConfig, wanted: bool) -> tuple[nn.Module, DitConfig]:
    """A copy of a network and its config, with a new guidance embedding or with none; all other weights are the same.

    The new embedding adds zero, so that the copy answers as the network does until it is trained.
    """
    config = replace(config, guidance_embedding=wanted)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # the embedding's first layer is random, and the same in every run
        fresh = config.build(channels=module.channels, text_width=module.text_width)
    names = fresh.state_dict()
    fresh.load_state_dict(names | {name: tensor for name, tensor in module.state_dict().items() if name in names})
    return fresh.to(next(module.parameters()).device), config


def load_network(folder: Path) -> tuple[nn.Module, DitConfig]:
    """The velocity network alone, in float32 (or as it is, when quantised)."""

    def build(config: DitConfig, extra: dict) -> nn.Module:
        return config.build(channels=extra["channels"], text_width=extra["text_width"])

    config, extra = network.read_config(folder / "network", DitConfig)
    if read_spec(folder).format == "w4a8":
        from seedream_core.quant import load_quantised

        return load_quantised(build(config, extra), folder / "network").eval(), config
    return network.load(folder / "network", DitConfig, build).eval(), config


def load_autoencoder(folder: Path) -> LatentModule:
    """The autoencoder of an artifact folder, in float32."""
    module = network.load(folder / "network", AutoencoderConfig, lambda config, _: config.build())
    return module.eval()


def load(folder: Path, *, sampling: bool = False) -> Pipeline:
    """Everything that a picture needs; parts are found from generator.yaml and checked against their digests.

    With `sampling`, the text encoder can only be read, not saved: it then starts without transformers.
    """
    spec = read_spec(folder)
    module, config = load_network(folder)
    return Pipeline(
        network=module,
        autoencoder=load_autoencoder(locate(folder, spec.autoencoder)),
        text=LlmEncoder.load(locate(folder, spec.text) / "network", sampling=sampling),
        spec=spec,
        config=config,
    )


def locate(folder: Path, item: Part) -> Path:
    """The folder of a part, if it is there and still what it was."""
    # resolved first: the way out of a link's target is not the way out of the link
    path = Path(os.path.normpath(folder.resolve() / item.path))
    digest = artifact.read(path).digest
    if digest != item.digest:
        raise DataError(
            f"{path} has changed since {folder} was made ({digest[:12]} instead of {item.digest[:12]})",
            fix=f"make {folder} again",
        )
    return path


def bundle(folder: Path, out: Path, spec: GeneratorSpec | None = None) -> None:
    """Copy the network, its autoencoder and its text encoder into `out`, so that it depends on nothing else."""
    spec = spec or read_spec(folder)
    parts = {}
    for name in ("autoencoder", "text"):
        source = locate(folder, getattr(spec, name))
        for relative in ["artifact.json", *artifact.read(source).files]:
            target = out / name / relative
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / relative, target)
        parts[name] = replace(getattr(spec, name), path=name)
    if folder != out:
        shutil.copytree(folder / "network", out / "network", dirs_exist_ok=True)
    write_spec(out, replace(spec, **parts))
