"""Stored latents: mean and standard deviation of the posterior in fp16 per sample, and the normalisation statistics."""

import json
import math
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from seedream_core.errors import DataError, UserError
from seedream_core.workflow import artifact
from seedream_core.workflow.artifact import write_atomic

MEMBER = "latent.safetensors"
NORMALISATION = "normalisation.json"


def pack(mean: Tensor, std: Tensor) -> list[bytes]:
    """The latent member of each sample, from mean and deviation, both B×C×h×w."""
    mean, std = mean.half().cpu(), std.half().cpu()
    if not bool(mean.isfinite().all() and std.isfinite().all()):
        raise DataError(
            "the autoencoder gives latents that are not finite in fp16", "train it again, or check its data"
        )
    return [save({"mean": each.contiguous(), "std": spread.contiguous()}) for each, spread in zip(mean, std)]


def unpack(key: str, member: bytes | None) -> Tensor:
    """Mean and deviation of one sample, 2×C×h×w in fp16, checked."""
    if member is None:
        raise DataError(f"{key}: no latents in it", "make them with data/encode")
    try:
        tensors = load(member)
        with torch.autocast("cpu", enabled=False):  # it does not support fp16, and may be on
            both = torch.stack([tensors["mean"], tensors["std"]])
    except (KeyError, SafetensorError, RuntimeError) as error:
        raise DataError(f"{key}: its latents cannot be read ({error})", "redo data/encode") from None
    if both.dtype != torch.float16 or both.dim() != 4 or not bool(both.isfinite().all()):
        raise DataError(f"{key}: latents are {both.dtype} {tuple(both.shape)} or not finite", "redo data/encode")
    return both


def check_made_by(data: Path, autoencoder: str) -> None:
    """UserError if the latents of an artifact come from another autoencoder: what is learned could not be decoded."""
    made_by = [source["digest"] for source in artifact.read(data, "latents").inputs.get("vae", [])]
    if made_by and made_by != [autoencoder]:
        raise UserError(
            f"{data}: these latents were made by another autoencoder ({made_by[0][:12]}) than this model's "
            f"({autoencoder[:12]})",
            "name the latents and the autoencoder of one run",
        )


def write_statistics(folder: Path, mean: Tensor, std: Tensor) -> None:
    """Stores the autoencoder's statistics beside its latents, so that training needs nothing else of it."""
    write_atomic(folder / NORMALISATION, json.dumps({"mean": mean.tolist(), "std": std.tolist()}) + "\n")


def read_statistics(folder: Path) -> tuple[Tensor, Tensor]:
    """Mean and deviation of each channel, C×1×1."""
    path = folder / NORMALISATION
    if not path.is_file():
        raise UserError(f"{folder}: no {NORMALISATION}: these are not latents", "make them with data/encode")
    try:
        tree = json.loads(path.read_bytes())
        mean, std = tree["mean"], tree["std"]
        if not (_numbers(mean) and _numbers(std) and len(mean) == len(std) and min(std) > 0):
            raise ValueError("no two lists of as many numbers, deviations above 0")
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: damaged ({error})", "redo data/encode") from None
    return torch.tensor(mean)[:, None, None], torch.tensor(std)[:, None, None]


def _numbers(values: Sequence) -> bool:
    return (
        isinstance(values, list) and bool(values) and all(type(v) in (int, float) and math.isfinite(v) for v in values)
    )
