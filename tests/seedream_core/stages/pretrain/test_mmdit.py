"""pretrain/mmdit: facts before the artifact, the artifact itself, and bit-for-bit resumes after kills."""

import signal
from dataclasses import replace

import pytest
import torch
import toy_training as toy

from seedream_core.errors import UserError
from seedream_core.generate import vocabulary
from seedream_core.logs import read_rows
from seedream_core.losses import Loss
from seedream_core.models.dit.mmdit import MmditConfig
from seedream_core.objectives.flow import FlowModule
from seedream_core.pipeline import generator
from seedream_core.pipeline.sampler import Sampler
from seedream_core.stages.pretrain.mmdit import MmditStage
from seedream_core.workflow import artifact, execute, stage
from seedream_core.workflow.config import dump, parse

NET = MmditConfig(width=16, depth=2, heads=2, modulation_rank=4, text_positions=64)


@pytest.fixture
def base(tiny_latents, tiny_generator):
    return MmditStage(
        data=tiny_latents,
        vae=tiny_generator.parent / "vae",
        text=tiny_generator.parent / "text",
        net=NET,
        prompts=("an orange star on a white background", "白色背景上有一个橙色五角星"),
        train=toy.config(steps=14, global_batch=4, log_every=3, checkpoint_every=4, sample_every=50),
    )


def killed(step: stage.Stage, out, at: int) -> int:
    """Run the stage in a child that is killed in the middle of step `at`; gives the exit code."""

    def work():
        real = FlowModule.training_step

        def training_step(self, batch, index):
            if batch.step == at:
                toy.os.kill(toy.os.getpid(), signal.SIGKILL)
            return real(self, batch, index)

        FlowModule.training_step = training_step
        step.run(out, toy.host())

    return toy.fork(work)


def test_artifact_is_as_its_facts_say_and_draws(base, tmp_path):
    out = tmp_path / "base"
    base = replace(base, train=toy.config(steps=4, global_batch=4, log_every=2))
    manifest = execute.step(base, out, toy.host(), say=lambda line: None)
    facts = manifest.facts
    assert (facts["image_tokens"], facts["channels"], facts["width"], facts["images"]) == (16, 4, 64, 16)
    network, config = generator.load_network(out)
    assert config == NET
    assert facts["parameters"] == sum(p.numel() for p in network.parameters())
    assert facts["flops_per_image_evaluation"] == NET.flops(16, facts["text_tokens"], channels=4, text_width=16)
    assert manifest.metrics["steps"] == 4 and manifest.metrics["loss"] > 0
    averaged = toy.states(out)["callbacks"]["Ema"]["weights"]
    assert all(torch.equal(p, averaged[f"network.{name}"].bfloat16().float()) for name, p in network.named_parameters())
    assert Sampler.load(out).images(["an orange star"], [1], steps=2).shape == (1, 64, 64, 3)
    assert not vocabulary.unknown("橙色 star", vocabulary.load(out))
    assert artifact.verify(out) == []
    assert parse(MmditStage, dump(base)) == base


def test_every_loss_trains_and_stands_in_the_log(base, tmp_path):
    terms = tuple(Loss.find(name)() for name in Loss.names())
    base = replace(base, losses=terms, train=replace(base.train, steps=3, log_every=1))
    with pytest.raises(UserError, match="compares samples, but a device computes 1 at once"):
        base.run(tmp_path / "refused", toy.host(micro_batch=1))
    base.run(tmp_path / "base", toy.host(micro_batch=2))
    rows = read_rows(tmp_path / "base" / "logs" / "metrics.jsonl")
    assert len(rows) == 3
    for row in rows:
        assert row["loss"] == pytest.approx(sum(row[name] for name in Loss.names()), abs=1e-5)


@pytest.mark.parametrize("mode, optimizer", [("frozen", "adamw"), ("tuned", "muon")])
def test_killed_twice_ends_bit_for_bit_as_uninterrupted(base, tmp_path, mode, optimizer):
    base = replace(base, text_mode=mode, train=replace(base.train, optimizer=optimizer))
    assert toy.fork(lambda: base.run(tmp_path / "whole", toy.host())) == 0
    for at in (6, 11):
        assert killed(base, tmp_path / "killed", at) == -signal.SIGKILL
    assert toy.fork(lambda: base.run(tmp_path / "killed", toy.host())) == 0
    toy.assert_equal_runs(tmp_path / "whole", tmp_path / "killed")
    weights = [
        artifact.load_tensors(tmp_path / name / "network" / "weights.safetensors") for name in ("whole", "killed")
    ]
    assert toy.differences(*weights) == []


def test_tuned_text_encoder_is_part_of_the_artifact(base, tmp_path):
    out = tmp_path / "tuned"
    base = replace(base, text_mode="tuned", train=toy.config(steps=3, global_batch=4, lr=1e-2))
    execute.step(base, out, toy.host(), say=lambda line: None)
    before = artifact.load_tensors(base.text / "network" / "model.safetensors")
    after = artifact.load_tensors(out / "text" / "network" / "model.safetensors")
    assert toy.differences({name: tensor.bfloat16() for name, tensor in before.items()}, after)
    assert generator.read_spec(out).text.path == "text"
    generator.load(out)


def test_frozen_text_encoder_stays_as_it_was_and_out_of_the_checkpoints(base, tmp_path):
    base.run(tmp_path, toy.host())
    assert generator.read_spec(tmp_path).text.digest == artifact.read(base.text).digest
    assert all(name.startswith("network.") for name in toy.states(tmp_path)["state_dict"])


def test_killed_after_the_last_step_writes_the_artifact_without_training(base, tmp_path):
    base.run(tmp_path, toy.host())
    rows = (tmp_path / "logs" / "metrics.jsonl").read_text()
    first = artifact.load_tensors(tmp_path / "network" / "weights.safetensors")
    (tmp_path / "network" / "weights.safetensors").unlink()
    base.run(tmp_path, toy.host())
    assert toy.differences(first, artifact.load_tensors(tmp_path / "network" / "weights.safetensors")) == []
    assert (tmp_path / "logs" / "metrics.jsonl").read_text() == rows


def test_inputs_that_do_not_fit_are_refused_at_plan_time(base, tiny_latents):
    data = artifact.read(tiny_latents).facts
    vae, text = {"factor": 16, "channels": 4}, {"width": 16, "max_tokens": 64}
    assert base.facts({"data": data, "vae": vae, "text": text})["image_tokens"] == 16
    with pytest.raises(ValueError, match="channels 4, but vae has channels 8"):
        base.facts({"data": data, "vae": {**vae, "channels": 8}, "text": text})
    with pytest.raises(ValueError, match="net.guidance_embedding: only distill/student"):
        replace(base, net=replace(NET, guidance_embedding=True)).facts({"data": data, "vae": vae, "text": text})
    with pytest.raises(ValueError, match="text_positions: 64 are too few"):
        base.facts({"data": data, "vae": vae, "text": {**text, "max_tokens": 65}})


@pytest.mark.slow
def test_killed_at_random_moments_of_300_steps(base, tmp_path):
    base = replace(base, train=toy.config(steps=300, global_batch=8, checkpoint_every=40, sample_every=120))
    toy.assert_survives_kills(base, tmp_path)
