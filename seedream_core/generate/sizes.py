"""Which sizes a model can draw: memory limits them, and a size that it was never trained at is worth a warning."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seedream_core.errors import UserError
from seedream_core.generate.metadata import Request

if TYPE_CHECKING:
    from seedream_core.pipeline.generator import GeneratorSpec
    from seedream_core.pipeline.sampler import Sampler

FLOAT_BYTES = 4
PIXEL_VALUES = 15
"""The picture's three channels, and the copies of them on the way to bytes."""
DECODER_LAYERS = 6
"""Outputs of the decoder's widest layer that are alive at once, with what a convolution copies: the packaged model's
peak at 1,024 pixels a side was 128 MiB, 82% of this estimate.
"""
CELL_PROBE = 2
CGROUP = Path("/sys/fs/cgroup")


def check(sampler: "Sampler", wanted: Sequence[Request], pictures: int = 1) -> None:
    """UserError where one batch of `pictures` takes more memory than is free: said before anything is drawn."""
    widest, free = _decoder_values(sampler), free_bytes(sampler.device)
    for width, height, guided in sorted({(one.width, one.height, one.guidance != 1) for one in wanted}):
        needed = pictures * needed_bytes(sampler, width, height, widest, guided=guided)
        if needed > free:
            batch = f" for {pictures} at once" if pictures > 1 else ""
            raise UserError(
                f"size {width}x{height}: about {_gib(needed)} of memory are needed{batch}, and {_gib(free)} are free",
                f"give a smaller size; this model was trained at {_trained(sampler.spec)}",
            )


def untrained(spec: "GeneratorSpec", wanted: Sequence[Request]) -> str:
    """One line on sizes that the model was never trained at; empty where there is none."""
    others = dict.fromkeys(f"{one.width}x{one.height}" for one in wanted)
    others.pop(_trained(spec), None)
    if not others:
        return ""
    return f"size {', '.join(others)}: this model was trained at {_trained(spec)}; other sizes may not show the prompt"


def needed_bytes(sampler: "Sampler", width: int, height: int, decoder_values: float, *, guided: bool = False) -> int:
    """Peak memory of one picture beside the weights: the larger of a network's block and the decoder's widest layer.

    An estimate from the shapes, in float32; `decoder_values` are those of that layer per pixel.
    """
    config = sampler.loaded.config
    cell = sampler.loaded.autoencoder.config.factor * config.patch
    text_tokens = config.longest_text or sampler.loaded.text.max_tokens
    tokens = (width // cell) * (height // cell) + text_tokens
    block = tokens * (8 * config.width + 5 * config.hidden)  # projections, heads, residuals; the MLP's hidden features
    decoder = width * height * (DECODER_LAYERS * decoder_values + PIXEL_VALUES)
    return int(FLOAT_BYTES * max((1 + guided) * block, decoder))


def free_bytes(device: str) -> int:
    """Memory that a process can still take on this device, within its container's limit."""
    if device != "cpu":
        import torch

        return torch.cuda.mem_get_info(device)[0]
    free = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    if (table := Path("/proc/meminfo")).is_file():
        rows = dict(line.split(":", 1) for line in table.read_text().splitlines())
        free.append(int(rows["MemAvailable"].split()[0]) * 1024)
    if (left := _left_in_container(CGROUP)) is not None:
        free.append(left)
    return min(free)


def _left_in_container(folder: Path) -> int | None:
    """Memory left under the limit of a control group (v2); None if it has no limit."""
    limit, used = folder / "memory.max", folder / "memory.current"
    if not (limit.is_file() and used.is_file()) or (text := limit.read_text().strip()) == "max":
        return None
    return max(int(text) - int(used.read_text()), 0)


def _decoder_values(sampler: "Sampler") -> float:
    """Values per pixel of the decoder's widest output, from shapes alone: nothing is computed."""
    import copy

    import torch

    # on the meta device, so that any architecture answers for itself
    autoencoder = copy.deepcopy(sampler.loaded.autoencoder).to("meta")
    widest = 0

    def keep(module: torch.nn.Module, given: tuple, output: torch.Tensor) -> None:
        nonlocal widest
        widest = max(widest, output.numel())

    for module in autoencoder.modules():
        module.register_forward_hook(keep)
    config = autoencoder.config
    latents = torch.empty(1, config.channels, CELL_PROBE, CELL_PROBE, device="meta")
    with torch.no_grad():
        autoencoder.decode(latents)
    return widest / (CELL_PROBE * config.factor) ** 2


def _trained(spec: "GeneratorSpec") -> str:
    return f"{spec.width}x{spec.height}"


def _gib(count: int) -> str:
    return f"{count / 2**30:,.1f} GiB"
