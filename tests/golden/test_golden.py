"""Golden losses: 20 training steps of every objective give the losses that the JSON files beside this file hold.

The test runs RECIPE step by step, as `seedream run` does, on tiny pictures that the recipe itself draws. It reads the
losses from the log of each run, so that only names in recipes and the log's place tie it to the code. A test fails
where a change of the code changes what an objective computes. Where that is intended, write the files anew with

    REWRITE_GOLDEN=1 python -m pytest tests/golden

and say in the commit why the losses changed. Each later step learns from what an earlier one made: if `autoencoder` or
`text` fails, `mmdit`, `sft` and `student` fail with it, so look at the first failure first.

Other CPUs round otherwise. The tolerances are about five times the largest relative deviation of any of the 20 losses
on one AVX2 machine, and at least 1e-4, over ATEN_CPU_CAPABILITY=default, ONEDNN_MAX_CPU_ISA=SSE41, both with
MKL_CBWR=COMPATIBLE, and two threads instead of one. A run on the same CPU repeats its losses bit for bit. The last
column is what a learning rate of 1.01 times the objective's own changes; every tolerance is about a quarter of it or
less.

    objective      deviation    tolerance    learning rate * 1.01
    autoencoder    4.1e-06      1e-4         1.0e-02
    text           9.6e-08      1e-4         9.0e-03
    mmdit          3.2e-05      2e-4         1.3e-03
    sft            6.9e-05      4e-4         1.9e-03
    student        9.6e-04      5e-3         1.9e-02
    dual_encoder   1.4e-04      8e-4         3.2e-03
    detector       1.9e-07      1e-4         3.2e-03
    difficulty     3.6e-07      1e-4         1.9e-02

The dual encoder trains with Muon, which computes in bf16 where the CPU has it, else in float32. Its file was written in
bf16: 1.4e-04 is what float32 changes, which is more than instruction sets (1.1e-04) and two threads (1.2e-04) do. The
student's losses are small differences of two networks, so they deviate most.
"""

import json
import os
import sys
import tarfile
from io import BytesIO
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "toys"))

import toy_training as toy

from seedream_core.logs import read_rows
from seedream_core.workflow import execute, recipe
from seedream_core.workflow.launch.inline import Inline

STEPS = 20
TOLERANCES = {
    "autoencoder": 1e-4,
    "text": 1e-4,
    "mmdit": 2e-4,
    "sft": 4e-4,
    "student": 5e-3,
    "dual_encoder": 8e-4,
    "detector": 1e-4,
    "difficulty": 1e-4,
}
# With micro batches of 8, steps of 16 and 32 samples are cut into parts whose gradients are added up.
HOST = "{accelerator: cpu, precision: f32, threads: 1, micro_batch: 8}"
# Options are those of recipes/quickstart.yaml (of the README for the dual encoder), but for sizes and learning rates.
# The student's steps are 4 of guidance and 16 of trajectory regression.
RECIPE = """
out: {folder}/runs
shared:
  times: &times {{name: logit_normal, shift: 2.0}}
  log: &log {{steps: 20, warmup: 5, log_every: 1}}
steps:
  crawl:
    run: data/synthetic
    samples: 240
    kinds: {{one: 1.5, several: 1.5, pair: 2}}
    relations: {{left: 4, above: 4, right: 1, below: 1}}
  marked: {{run: data/ingest, source: {{name: webdataset, path: {folder}/marked}}, width: 64, height: 64}}
  autoencoder:
    run: pretrain/autoencoder
    data: marked
    net: {{name: conv, channels: 4, stem: 4, widths: [16, 24, 32]}}
    loss: {{l1: 0, edge: 0, kl: 1e-5}}
    train: {{<<: *log, global_batch: 16, lr: 5e-3}}
  text:
    run: pretrain/text
    data: marked
    vocabulary: 400
    width: 32
    depth: 2
    heads: 2
    train: {{<<: *log, global_batch: 32, lr: 1e-2, weight_decay: 0.01}}
  latents: {{run: data/encode, data: marked, vae: autoencoder}}
  mmdit:
    run: pretrain/mmdit
    data: latents
    vae: autoencoder
    text: text
    net: {{width: 32, depth: 2, heads: 2, modulation_rank: 8, absolute: true}}
    timesteps: *times
    captions: {{fields: {{short: 0.9}}, others: 0.033}}
    format: f32
    train: {{<<: *log, global_batch: 16, lr: 1e-2}}
  sft:
    run: posttrain/sft
    model: mmdit
    data: latents
    choose: {{score: margin, best: 0.3}}
    timesteps: *times
    train: {{<<: *log, global_batch: 16, lr: 5e-3, ema: 0.99}}
  student:
    run: distill/student
    model: sft
    data: latents
    phases: [guidance, {{name: trajectory_regression, points: 2, simulated: 0.5, share: 4}}]
    train: {{<<: *log, global_batch: 16, lr: 3e-3, ema: 0.99}}
  dual_encoder:
    run: pretrain/dual_encoder
    data: marked
    net: {{size: 32, dim: 32, widths: [16, 32], parts: 2, text_width: 32, heads: 2}}
    vocabulary: 400
    train: {{<<: *log, global_batch: 32, lr: 4e-3, optimizer: muon}}
  detector:
    run: pretrain/detector
    data: crawl
    scenes: 0.275
    textures: 0.275
    side: 64
    fine: 8
    coarse: 16
    train: {{<<: *log, global_batch: 8, lr: 1e-2, ema: 0.997, weight_decay: 0.01}}
  drawn: {{run: data/knowledge, samples: 40, seed: 1, sides: [256, 320]}}
  others: {{run: data/knowledge, samples: 10, seed: 2, sides: [256, 320]}}
  difficulty: {{run: pretrain/difficulty, data: drawn, held_out: others, width: 16, steps: 20, lr: 1e-2}}
"""


class Workshop:
    """The recipe in a folder; each step runs once, in a child process, so that torch's settings reach no other test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "marked").mkdir()
        (folder / "recipe.yaml").write_text(RECIPE.format(folder=folder))
        (folder / "host.yaml").write_text(HOST)
        self.begun: set[str] = set()

    def losses(self, objective: str) -> list[float]:
        """What the training logged; the difficulty rater's logs nothing, so `run` listens to its backward passes."""
        self.make(objective)
        if objective == "difficulty":
            return json.loads((self.folder / "difficulty.json").read_text())
        return [row["loss"] for row in read_rows(self.folder / "runs" / objective / "logs" / "metrics.jsonl")]

    def make(self, name: str) -> None:
        """Run a step, after those that it takes."""
        if name in self.begun:
            return
        self.begun.add(name)
        if name == "marked":
            self.make("crawl")
            mark(self.folder / "runs" / "crawl" / "shards", self.folder / "marked" / "00000.tar")
        loaded = recipe.load(self.folder / "recipe.yaml")
        for need in loaded.step(name).needs:
            self.make(need)
        # The exit code is not asked for: a dual encoder of 20 steps may not be good enough to be calibrated.
        toy.fork(lambda: self.run(loaded, name))

    def run(self, loaded: recipe.Recipe, name: str) -> None:
        """Run a step in this process."""
        import torch

        losses, backward = [], torch.Tensor.backward

        def listening(loss: torch.Tensor, *args: object, **options: object) -> None:
            losses.append(float(loss))
            backward(loss, *args, **options)

        if name == "difficulty":
            torch.Tensor.backward = listening
        execute.recipe(loaded, only=name, host_file=self.folder / "host.yaml", launcher=Inline())
        if name == "difficulty":
            (self.folder / "difficulty.json").write_text(json.dumps(losses))


def mark(shards: Path, out: Path) -> None:
    """Copy the crawl's samples; every third gets the box of a watermark, and their weights are 1, 2 and 0.5 in turn."""
    number = 0
    with tarfile.open(out, "w") as copy:
        for path in sorted(shards.glob("*.tar")):
            with tarfile.open(path) as shard:
                for member in shard:
                    data = shard.extractfile(member).read()
                    if member.name.endswith(".json"):
                        record = json.loads(data) | {"weight": (1, 2, 0.5)[number // 2 % 3]}
                        if number % 3 == 0:
                            left, top = number % 4 / 5, number % 5 / 6
                            record["boxes"] = [{"box": [left, top, left + 0.2, top + 0.1], "kind": "watermark"}]
                        data, number = json.dumps(record).encode(), number + 1
                    info = tarfile.TarInfo(member.name)
                    info.size = len(data)
                    copy.addfile(info, BytesIO(data))


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    return Workshop(tmp_path_factory.mktemp("golden"))


@pytest.mark.parametrize("objective", TOLERANCES)
def test_losses_are_as_written(workshop, objective):
    losses = workshop.losses(objective)
    assert len(losses) == STEPS, "the step failed: see what it printed"
    page = Path(__file__).with_name(f"{objective}.json")
    if os.environ.get("REWRITE_GOLDEN"):
        page.write_text(json.dumps({"losses": losses}, indent=1) + "\n")
    assert losses == pytest.approx(json.loads(page.read_text())["losses"], rel=TOLERANCES[objective])
