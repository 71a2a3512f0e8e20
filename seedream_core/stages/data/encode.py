"""Pictures to latents, once: mean and deviation of the autoencoder's posterior for every sample."""

import json
import shutil
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge

from seedream_core.errors import DataError
from seedream_core.workflow.host import Host
from seedream_core.workflow.stage import Autoencoder, Shards, Stage, one_size

if TYPE_CHECKING:
    import numpy as np

    from seedream_core.data.storage.shards import ShardReader
    from seedream_core.models.autoencoder.latents import LatentModule, Posterior

CACHE = ".cache.json"


@dataclass(frozen=True, kw_only=True)
class EncodeStage(Stage):
    makes: ClassVar[str] = "latents"
    data: Shards
    "pictures, all of one size"
    vae: Autoencoder
    "the autoencoder that gives the latents"
    batch: Annotated[int, Ge(1)] = 128
    "pictures encoded at once"
    samples_per_shard: Annotated[int, Ge(1)] = 5000
    "samples in one tar file"

    def facts(self, inputs: dict) -> dict:
        data, vae = inputs["data"], inputs["vae"]
        for side, pixels in one_size(data).items():
            if pixels % vae["factor"]:
                raise ValueError(
                    f"data: its {side} of {pixels} pixels is not a multiple of the autoencoder's factor {vae['factor']}"
                )
        return {name: data[name] for name in ("samples", "width", "height", "held_out") if name in data} | {
            name: vae[name] for name in ("channels", "factor")
        }

    def run(self, out: Path, host: Host) -> dict:
        import torch

        from seedream_core.data.loading import latents
        from seedream_core.data.storage import rewrite
        from seedream_core.data.storage.shards import ShardWriter
        from seedream_core.pipeline.generator import load_autoencoder
        from seedream_core.progress import track

        host.limit_threads()
        started = time.monotonic()
        reader = rewrite.whole(self.data)
        network = load_autoencoder(self.vae).eval()
        device = "cuda" if host.accelerator != "cpu" and torch.cuda.is_available() else "cpu"
        network.to(device)
        whole = self._resume(out, reader, host.bf16())
        done = min(whole * self.samples_per_shard, len(reader))
        with (
            ShardWriter(out / "shards", self.samples_per_shard, first=whole) as writer,
            ThreadPoolExecutor(1) as ahead,
            track("encode", len(reader), done=done) as progress,
        ):
            groups = list(self._groups(done, len(reader)))
            # The next pictures are decoded while these are encoded.
            pending = ahead.submit(_read, reader, groups[0]) if groups else None
            for number, group in enumerate(groups):
                records, pixels = pending.result()
                pending = ahead.submit(_read, reader, groups[number + 1]) if number + 1 < len(groups) else None
                posterior = _encode(network, pixels, host.bf16(), device)
                for (key, record), member in zip(records, latents.pack(posterior.mean, posterior.std)):
                    writer.add(key, {latents.MEMBER: member, "json": record})
                progress.advance(len(group))
        latents.write_statistics(out, network.latent_mean, network.latent_std)
        seconds = time.monotonic() - started
        return {
            "samples": len(reader),
            "encoded_now": len(reader) - done,
            "samples_per_second": round((len(reader) - done) / seconds, 1),
        }

    def _groups(self, first: int, count: int) -> Iterator[range]:
        """Runs of samples that are encoded together; none spans two shards, so a resumed run makes the same ones."""
        for shard in range(first, count, self.samples_per_shard):
            end = min(shard + self.samples_per_shard, count)
            for start in range(shard, end, self.batch):
                yield range(start, min(start + self.batch, end))

    def _resume(self, out: Path, reader: "ShardReader", bf16: bool) -> int:
        """How many shards of an interrupted run stand and hold; what it was made from is told by digests."""
        from seedream_core.data.storage.shards import ShardReader
        from seedream_core.workflow.artifact import digest, write_atomic

        made_from = {
            "autoencoder": digest(self.vae),
            "data": digest(self.data),
            "bf16": bf16,
            "batch": self.batch,
            "samples_per_shard": self.samples_per_shard,
        }
        cache, shards = out / CACHE, out / "shards"
        if cache.is_file() and any(shards.glob("*.tar")):
            before = json.loads(cache.read_bytes())
            changed = [name for name, value in made_from.items() if before.get(name) != value]
            if not changed:
                whole = len(list(shards.glob("*.tar")))
                kept = ShardReader(shards)
                if not kept.damage and kept.keys == reader.keys[: whole * self.samples_per_shard]:
                    return whole
                changed = ["its shards"]
            print(f"encode begins anew: {' and '.join(changed)} changed since it was stopped", file=sys.stderr)
        shutil.rmtree(shards, ignore_errors=True)
        write_atomic(cache, json.dumps(made_from))
        return 0


def _read(reader: "ShardReader", group: range) -> tuple[list[tuple[str, bytes]], "np.ndarray"]:
    """Keys, records and pictures B×H×W×3."""
    import numpy as np

    from seedream_core.data.images.pictures import decode

    records, pictures = [], []
    for index in group:
        members = reader.read(index)
        records.append((reader.keys[index], members["json"]))
        pictures.append(decode(members))
    if len({picture.shape for picture in pictures}) > 1:
        raise DataError(
            f"pictures of several sizes between {records[0][0]} and {records[-1][0]}",
            "one artifact holds one size: curate sizes apart",
        )
    return records, np.stack(pictures)


def _encode(network: "LatentModule", pixels: "np.ndarray", bf16: bool, device: str) -> "Posterior":
    import torch

    with torch.inference_mode(), torch.autocast(device, torch.bfloat16, enabled=bf16):
        return network.encode(torch.from_numpy(pixels).to(device).permute(0, 3, 1, 2).float() / 127.5 - 1)
