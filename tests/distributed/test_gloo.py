"""Two processes are one: the same loss curve at the same global batch, the same pictures, stops and skips together."""

import json
import os
import shutil
import signal
import socket
from dataclasses import replace

import pytest
import torch
import toy_training as toy

from seedream_core.logs import read_rows
from seedream_core.losses.adversarial import Adversarial
from seedream_core.models.autoencoder.conv import Conv
from seedream_core.models.dit.mmdit import MmditConfig
from seedream_core.objectives.flow import FlowModule
from seedream_core.stages.data import encode
from seedream_core.stages.data.encode import EncodeStage
from seedream_core.stages.data.synthetic import SyntheticStage
from seedream_core.stages.eval import bench
from seedream_core.stages.eval.bench import BenchStage, Rung
from seedream_core.stages.generate.images import ImagesStage
from seedream_core.stages.pretrain.autoencoder import AutoencoderStage
from seedream_core.stages.pretrain.mmdit import MmditStage
from seedream_core.training.callbacks.ema import Ema
from seedream_core.workflow import artifact
from seedream_core.workflow.host import Host

TWO = {"devices": 2, "accelerator": "cpu", "precision": "f32", "threads": 1, "strategy": "ddp"}


def both(work) -> list[int]:
    """Do the work in two processes that know each other as Lightning's ranks 0 and 1; gives their exit codes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def ranked(rank: int):
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "LOCAL_RANK": str(rank), "NODE_RANK": "0"}
        work(rank)

    children = [toy.start(lambda rank=rank: ranked(rank)) for rank in (0, 1)]
    return [toy.wait(child) for child in children]


@pytest.fixture
def base(tiny_latents, tiny_generator):
    return MmditStage(
        data=tiny_latents,
        vae=tiny_generator.parent / "vae",
        text=tiny_generator.parent / "text",
        net=MmditConfig(width=16, depth=2, heads=2, modulation_rank=4, text_positions=64),
        train=toy.config(steps=50, global_batch=8, log_every=1, checkpoint_every=20, sample_every=100, lr=3e-3),
    )


def test_mmdit_on_two_processes_follows_the_single_one(base, tmp_path):
    assert toy.fork(lambda: base.run(tmp_path / "one", toy.host())) == 0
    assert both(lambda rank: base.run(tmp_path / "two", Host(**TWO, micro_batch=2))) == [0, 0]
    one, two = (read_rows(tmp_path / name / "logs" / "metrics.jsonl") for name in ("one", "two"))
    assert len(one) == len(two) == 50
    for single, double in zip(one, two):
        assert double["loss"] == pytest.approx(single["loss"], rel=1e-3)
        assert (double["lr"], double["samples"]) == (single["lr"], single["samples"])
    assert one[-1]["loss"] != one[0]["loss"]
    assert (tmp_path / "two" / "generator.yaml").exists()


def test_a_text_encoder_whose_last_layer_is_not_read_is_tuned_on_two_processes(base, tmp_path):
    shutil.copytree(base.text, tmp_path / "text")
    (tmp_path / "text" / "network" / "encoder.json").write_text('{"end_token": 0, "max_tokens": 64, "layers": [0]}')
    base = replace(base, text=tmp_path / "text", text_mode="tuned", train=replace(base.train, steps=3))
    assert both(lambda rank: base.run(tmp_path / "two", Host(**TWO))) == [0, 0]


def test_killed_and_resumed_on_as_many_processes_and_on_fewer(base, tmp_path):
    base = replace(base, train=replace(base.train, steps=12, checkpoint_every=5, log_every=3))
    assert both(lambda rank: base.run(tmp_path / "whole", Host(**TWO))) == [0, 0]

    def killed(rank):
        real = FlowModule.training_step

        def training_step(self, batch, index):
            if batch.step == 7:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(self, batch, index)

        FlowModule.training_step = training_step
        base.run(tmp_path / "two", Host(**TWO))

    assert both(killed) == [-signal.SIGKILL] * 2
    shutil.copytree(tmp_path / "two", tmp_path / "one")
    assert both(lambda rank: base.run(tmp_path / "two", Host(**TWO))) == [0, 0]
    toy.assert_equal_runs(tmp_path / "whole", tmp_path / "two")
    assert toy.fork(lambda: base.run(tmp_path / "one", toy.host())) == 0
    whole, one = toy.rows(tmp_path / "whole"), toy.rows(tmp_path / "one")
    assert [row["samples"] for row in one] == [row["samples"] for row in whole]
    assert one[-1]["loss"] == pytest.approx(whole[-1]["loss"], rel=1e-3)


def test_an_autoencoder_with_a_discriminator_on_two_processes_follows_the_single_one(tmp_path):
    SyntheticStage(samples=24, size=(32, 32)).run(tmp_path / "pictures", toy.host())
    stage = AutoencoderStage(
        data=tmp_path / "pictures",
        net=Conv(channels=4, stem=8, widths=(16, 16)),
        adversarial=Adversarial(start=3, width=8, layers=2),
        train=toy.config(steps=12, global_batch=8, log_every=1, checkpoint_every=4, sample_every=50),
    )
    assert toy.fork(lambda: stage.run(tmp_path / "one", toy.host())) == 0
    assert both(lambda rank: stage.run(tmp_path / "two", Host(**TWO, micro_batch=2))) == [0, 0]
    one, two = (read_rows(tmp_path / name / "logs" / "metrics.jsonl") for name in ("one", "two"))
    assert len(one) == len(two) == 12
    for single, double in zip(one, two):
        for name in ("loss", "discriminator", "balance"):
            assert double[name] == pytest.approx(single[name], rel=2e-3), name


def test_signal_to_one_rank_stops_both_at_the_same_step(tmp_path):
    class Signalled(toy.Toy):
        def training_step(self, batch, index):
            if batch.step == 12 and self.global_rank == 1:
                os.kill(os.getpid(), signal.SIGTERM)
            return super().training_step(batch, index)

    def work(rank):
        toy.fit(Signalled(), toy.ToyBatches(toy.config()), toy.config(), Host(**TWO), tmp_path)

    assert both(work) == [75, 75]
    saved = max((tmp_path / "checkpoints").iterdir())
    # step 13 posts the vote, and step 14 reads it
    assert json.loads((saved / "manifest.json").read_text())["step"] == 14


def test_bad_gradient_on_one_rank_is_skipped_by_both(tmp_path):
    assert both(lambda rank: toy.run(tmp_path, toy.config(), Host(**TWO), bad_steps=(4, 8))) == [0, 0]
    rows = read_rows(tmp_path / "logs" / "metrics.jsonl")
    assert rows[-1]["step"] == 30 and rows[-1]["skipped"] == 2
    assert all(row["loss"] is not None for row in rows)


def files(folder):
    """Every file under a folder with its bytes, but for what only a resumed run reads."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".cache.json"
    }


def pictures_of(count, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    SyntheticStage(samples=count).run(folder, Host())
    return folder


def test_latents_of_two_processes_are_those_of_one(tiny_generator, tmp_path):
    stage = EncodeStage(data=pictures_of(50, tmp_path), vae=tiny_generator.parent / "vae", batch=4, samples_per_shard=9)
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    assert toy.fork(lambda: stage.run(tmp_path / "one", toy.host())) == 0
    assert both(lambda rank: stage.run(tmp_path / "two", Host(**TWO))) == [0, 0]
    assert files(tmp_path / "two") == files(tmp_path / "one")


def test_an_encoding_that_was_killed_on_two_processes_goes_on(tiny_generator, tmp_path):
    stage = EncodeStage(data=pictures_of(50, tmp_path), vae=tiny_generator.parent / "vae", batch=4, samples_per_shard=9)
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    assert toy.fork(lambda: stage.run(tmp_path / "one", toy.host())) == 0

    def killed(rank):
        real = encode._Output.write

        def write(self, group, samples):
            if group.start >= 27:
                os.kill(os.getpid(), signal.SIGKILL)
            real(self, group, samples)

        encode._Output.write = write
        stage.run(tmp_path / "two", Host(**TWO))

    codes = both(killed)
    assert codes[0] == -signal.SIGKILL and codes[1] != 0
    assert len(list((tmp_path / "two" / "shards").glob("*.tar"))) == 3
    assert both(lambda rank: stage.run(tmp_path / "two", Host(**TWO))) == [0, 0]
    assert files(tmp_path / "two") == files(tmp_path / "one")


def test_pictures_of_two_processes_are_those_of_one(tiny_generator, tmp_path):
    stage = ImagesStage(model=tiny_generator, evaluation=7, seed=5)
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    assert toy.fork(lambda: stage.run(tmp_path / "one", toy.host())) == 0
    assert both(lambda rank: stage.run(tmp_path / "two", Host(**TWO))) == [0, 0]
    assert files(tmp_path / "two") == files(tmp_path / "one")


@pytest.fixture
def ladder(tiny_generator, tmp_path):
    """Scenes over two rows: everything that a comparison writes."""
    options = {"models": {"tiny": tiny_generator}, "vae": tiny_generator.parent / "vae", "repeats": 1, "batch": 2}
    rows = (Rung(name="one", model="tiny", steps=1), Rung(name="two", model="tiny", steps=2, guidance=2.0))
    return BenchStage(**options, ladder=rows, prompts=6, held_out_prompts=3, pictures=1, precision="f32")


def compared(folder):
    """What a comparison wrote, but for what it took: all files, and the scores without seconds."""
    left = files(folder)
    scores = json.loads(left.pop("scores.json"))
    scores.pop("speed")
    for row in scores["rungs"]:
        assert row.pop("images_per_second") > 0 and row.pop("seconds_per_image") > 0
    return scores, {name: content for name, content in left.items() if not name.startswith(artifact.SCRATCH)}


def test_a_comparison_on_two_processes_is_that_of_one_also_after_a_kill(ladder, tmp_path):
    assert toy.fork(lambda: ladder.run(tmp_path / "one" / "scores", toy.host())) == 0
    assert both(lambda rank: ladder.run(tmp_path / "two" / "scores", Host(**TWO))) == [0, 0]
    assert compared(tmp_path / "two" / "scores") == compared(tmp_path / "one" / "scores")

    def killed(rank):
        real = bench._Output.write

        def write(self, part, drawn):
            if part == bench._Part(1, range(2, 4)):
                os.kill(os.getpid(), signal.SIGKILL)
            real(self, part, drawn)

        bench._Output.write = write
        ladder.run(tmp_path / "killed" / "scores", Host(**TWO))

    codes = both(killed)
    assert codes[0] == -signal.SIGKILL and codes[1] != 0
    records = list((tmp_path / "killed" / "scores" / artifact.SCRATCH).rglob("*.json"))
    times = {path: path.stat().st_mtime_ns for path in records}
    assert len(times) == 6  # all five batches of the first row, and one of the second
    assert both(lambda rank: ladder.run(tmp_path / "killed" / "scores", Host(**TWO))) == [0, 0]
    assert compared(tmp_path / "killed" / "scores") == compared(tmp_path / "one" / "scores")
    assert times == {path: path.stat().st_mtime_ns for path in records}


def test_every_rank_draws_the_samples_and_applies_the_averaged_weights(tmp_path):
    """A sharded network talks to all ranks in its forward pass and where its weights are gathered: this one does."""
    train = toy.config(steps=6, sample_every=3)

    class Sharded(toy.Toy):
        def samples(self):
            torch.distributed.all_reduce(torch.ones(1))
            return super().samples()

    def work(rank):
        apply = Ema.apply

        def gathered(self, module):
            ranks = torch.ones(1)
            torch.distributed.all_reduce(ranks)
            apply(self, module)
            (tmp_path / f"rank{rank}").write_text(str(int(ranks)))

        Ema.apply = gathered
        toy.fit(Sharded(), toy.ToyBatches(train), train, Host(**TWO), tmp_path)

    assert both(work) == [0, 0]
    assert [(tmp_path / f"rank{rank}").read_text() for rank in (0, 1)] == ["2", "2"]
    assert sorted(path.name for path in (tmp_path / "samples").iterdir()) == ["step_000003.png", "step_000006.png"]
