"""Encodes pictures to latents before training: mean and standard deviation of the autoencoder's posterior for every
sample.
"""

import json
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge

from seedream_core.errors import DataError
from seedream_core.models.autoencoder import AutoencoderConfig
from seedream_core.workflow.config import parse
from seedream_core.workflow.host import Host
from seedream_core.workflow.stage import Autoencoder, Shards, Stage, one_size

if TYPE_CHECKING:
    import numpy as np

    from seedream_core.data.storage.shards import ShardReader
    from seedream_core.models.autoencoder.latents import LatentModule

CACHE = ".cache.json"


@dataclass(frozen=True, kw_only=True)
class EncodeStage(Stage):
    makes: ClassVar[str] = "latents"
    distributed: ClassVar[bool] = True
    data: Shards
    "pictures to encode, all of one size"
    vae: Autoencoder
    "autoencoder that encodes the pictures"
    batch: Annotated[int, Ge(1)] = 128
    "pictures in one batch"
    samples_per_shard: Annotated[int, Ge(1)] = 5000
    "samples in one tar file"

    def facts(self, inputs: dict) -> dict:
        data, vae = inputs["data"], inputs["vae"]
        for side, pixels in one_size(data).items():
            if pixels % vae["factor"]:
                raise ValueError(
                    f"data: its {side} of {pixels} pixels is not a multiple of the autoencoder's factor {vae['factor']}"
                )
        return (
            {name: data[name] for name in ("samples", "width", "height", "held_out", "caption_tokens") if name in data}
            | {name: vae[name] for name in ("channels", "factor")}
            | self._cost(data, vae)
        )

    def _cost(self, data: Mapping, vae: Mapping) -> dict:
        if "samples" not in data or "net" not in vae:
            return {}
        net = parse(AutoencoderConfig, vae["net"])
        return {"flops": data["samples"] * net.flops(**one_size(data), back=False)}

    def expected_seconds(self, inputs: dict, host: Host) -> float | None:
        from seedream_core.training import rehearsal

        data, vae = inputs["data"], inputs["vae"]
        if "samples" not in data or "net" not in vae:
            return None
        net = parse(AutoencoderConfig, vae["net"])
        return data["samples"] * rehearsal.autoencoder_to_encode(net, **one_size(data), rows=self.batch, host=host)

    def run(self, out: Path, host: Host) -> dict:
        from seedream_core.data.loading import latents
        from seedream_core.data.storage import rewrite
        from seedream_core.pipeline.generator import load_autoencoder
        from seedream_core.training.predict import Prediction, predict

        started = time.monotonic()
        reader, autoencoder, bf16 = rewrite.whole(self.data), load_autoencoder(self.vae).eval(), host.bf16()
        _check_members(reader, self.data)
        prediction = Prediction(
            prepare=autoencoder.to,
            read=lambda group: _read(reader, group),
            answer=lambda network, read: _encode(network, *read, bf16),
        )
        with _Output(self, out, reader, bf16) as output:
            predict(prediction, output.plan, output.write, host)
        latents.write_statistics(out, autoencoder.latent_mean, autoencoder.latent_std)
        encoded = len(reader) - output.done
        return {
            "samples": len(reader),
            "encoded_now": encoded,
            "samples_per_second": round(encoded / (time.monotonic() - started), 1),
        }

    def groups(self, first: int, count: int) -> Iterator[range]:
        """Groups of samples that are encoded together; no group spans two shards, so a resumed run makes the same
        groups.
        """
        for shard in range(first, count, self.samples_per_shard):
            end = min(shard + self.samples_per_shard, count)
            for start in range(shard, end, self.batch):
                yield range(start, min(start + self.batch, end))

    def resume(self, out: Path, reader: "ShardReader", bf16: bool) -> int:
        """Number of complete, undamaged shards that an interrupted run left; digests tell whether its inputs are
        unchanged.
        """
        from seedream_core.data.storage.shards import ShardReader, complete_shards
        from seedream_core.workflow.artifact import digest, write_atomic

        made_from = {
            "autoencoder": digest(self.vae),
            "data": digest(self.data),
            "bf16": bf16,
            "batch": self.batch,
            "samples_per_shard": self.samples_per_shard,
        }
        cache, shards = out / CACHE, out / "shards"
        if cache.is_file() and (whole := complete_shards(shards)):
            before = json.loads(cache.read_bytes())
            changed = [name for name, value in made_from.items() if before.get(name) != value]
            if not changed:
                kept = ShardReader(shards)
                if not kept.damage and kept.keys == reader.keys[: whole * self.samples_per_shard]:
                    return whole
                changed = ["its shards"]
            print(
                f"encode starts from the beginning: {' and '.join(changed)} changed since it was stopped",
                file=sys.stderr,
            )
        shutil.rmtree(shards, ignore_errors=True)
        write_atomic(cache, json.dumps(made_from))
        return 0


def _check_members(reader: "ShardReader", data: Path) -> None:
    """Refuses samples that hold more than a picture and its record, before anything is encoded."""
    from seedream_core.data.images.pictures import FORMATS

    more = reader.extensions().keys() - {*FORMATS, "json"}
    for index in range(len(reader)) if more else ():
        if own := sorted(more.intersection(reader.places(index).layout)):
            raise _uncarried(reader.keys[index], f"{', '.join(own)} in {data}")


def _check_record(key: str, members: Mapping[str, bytes]) -> None:
    """Refuses a sample whose captions describe more than its picture (instructions of a tuple): training would use them
    as captions.
    """
    from seedream_core.data.sources.raw_captions import BEFORE, INSTRUCTION
    from seedream_core.data.storage.stored_records import record_of
    from seedream_core.records import Sample

    sample = record_of(key, members)
    if sample.task != Sample.task:
        raise _uncarried(key, f"task {sample.task}")
    fields = {name for texts in sample.captions.values() for name in texts}
    if own := sorted(fields & {INSTRUCTION, BEFORE}):
        raise _uncarried(key, f"captions {', '.join(own)}")


def _uncarried(key: str, what: str) -> DataError:
    return DataError(
        f"sample {key} is part of a tuple ({what}); encode carries one picture and captions, and would lose the rest",
        "name shards of single pictures, such as those that data/pairs was made from",
    )


def _read(reader: "ShardReader", group: range) -> tuple[list[tuple[str, bytes]], "np.ndarray"]:
    """Keys, records and pictures (B×H×W×3, uint8)."""
    import numpy as np

    from seedream_core.data.images.pictures import decode

    records, pictures = [], []
    for index in group:
        members = reader.read(index)
        _check_record(reader.keys[index], members)
        records.append((reader.keys[index], members["json"]))
        pictures.append(decode(members))
    if len({picture.shape for picture in pictures}) > 1:
        raise DataError(
            f"pictures of several sizes between {records[0][0]} and {records[-1][0]}",
            "one artifact holds one size: curate sizes apart",
        )
    return records, np.stack(pictures)


def _encode(
    network: "LatentModule", records: list[tuple[str, bytes]], pixels: "np.ndarray", bf16: bool
) -> list[tuple[str, dict[str, bytes]]]:
    """Key and members of each encoded sample: its latent and its record."""
    import torch

    from seedream_core.data.loading import latents

    device = network.latent_mean.device
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=bf16):
        images = torch.from_numpy(pixels).to(device).permute(0, 3, 1, 2).float() / 127.5 - 1
        posterior = network.encode(images)
    packed = latents.pack(posterior.mean, posterior.std)
    return [(key, {latents.MEMBER: member, "json": record}) for (key, record), member in zip(records, packed)]


class _Output:
    """Writes the latents of a run in order, after the complete shards of an interrupted run."""

    def __init__(self, stage: EncodeStage, out: Path, reader: "ShardReader", bf16: bool) -> None:
        self.stage, self.out, self.reader, self.bf16 = stage, out, reader, bf16
        self.done = 0
        self._stack = ExitStack()

    def __enter__(self) -> "_Output":
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.__exit__(*error)

    def plan(self) -> list[range]:
        """Groups of samples that are not encoded yet."""
        from seedream_core.data.storage.shards import ShardWriter
        from seedream_core.progress import track

        whole, size = self.stage.resume(self.out, self.reader, self.bf16), self.stage.samples_per_shard
        self.done = min(whole * size, len(self.reader))
        self.writer = self._stack.enter_context(ShardWriter(self.out / "shards", size, first=whole))
        self.progress = self._stack.enter_context(track("encode", len(self.reader), done=self.done))
        return list(self.stage.groups(self.done, len(self.reader)))

    def write(self, group: range, samples: list[tuple[str, dict[str, bytes]]]) -> None:
        for key, members in samples:
            self.writer.add(key, members)
        self.progress.advance(len(group))
