"""A student is made that needs no guidance; training it is exactly resumable; recipes hear of what does not fit."""

import dataclasses
import shutil
import signal
import subprocess
import sys

import pytest
import torch

from seedream_core.distillers import Distiller
from seedream_core.distillers.guidance import Guidance
from seedream_core.distillers.segmented_consistency import SegmentedConsistency
from seedream_core.errors import UserError
from seedream_core.flow.velocity import PLAIN
from seedream_core.models.text import feature_cache
from seedream_core.models.text.llm import FrozenFeatures
from seedream_core.pipeline import generator
from seedream_core.pipeline.sampler import Sampler
from seedream_core.stages.distill.student import StudentStage
from seedream_core.stages.generate.images import ImagesStage
from seedream_core.workflow import artifact
from seedream_core.workflow.config import dump, parse
from seedream_core.workflow.host import Host, Train

TRAIN = Train(steps=8, global_batch=6, lr=2e-3, warmup=2, ema=0.8, checkpoint_every=3, log_every=1, sample_every=8)
PHASES = (
    Guidance(),
    SegmentedConsistency(segments=(8,), points=16, substeps=1),
    SegmentedConsistency(segments=(4, 2), share=2, substeps=2, simulated=0.5),
)
HOST = Host(precision="f32", accelerator="cpu", threads=1)

KILLED = """
import os, signal, sys
from pathlib import Path
from seedream_core.workflow.config import load_yaml, parse
from seedream_core.objectives.distill import DistillModule
from seedream_core.stages.distill.student import StudentStage
from seedream_core.stages.generate.images import ImagesStage
from seedream_core.workflow.host import Host
keep = DistillModule.training_step
def step(self, batch, index):
    if batch.step == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
    return keep(self, batch, index)
DistillModule.training_step = step
parse(StudentStage, load_yaml(Path(sys.argv[1])).tree).run(Path(sys.argv[2]), Host(precision="f32", accelerator="cpu",
threads=1))
"""


@pytest.fixture(scope="module")
def stage(tiny_generator, tiny_latents):
    return StudentStage(model=tiny_generator, data=tiny_latents, phases=PHASES, train=TRAIN)


@pytest.fixture(scope="module")
def made(stage, tmp_path_factory):
    out = tmp_path_factory.mktemp("student")
    return out, stage.run(out, HOST)


def weights(folder):
    return artifact.load_tensors(folder / "network" / "weights.safetensors")


def test_the_student_is_a_generator_without_guidance(made, stage):
    out, metrics = made
    spec = generator.read_spec(out)
    assert (spec.guidance_distilled, spec.guidance, spec.steps, spec.format) == (True, 1.0, 4, "bf16")
    assert metrics["steps"] == 8 and metrics["guidance"] == 2.0 and metrics["loss"] > 0
    sampler = Sampler.load(out)
    assert sampler.images(["an orange star on a white background"], [1]).shape == (1, 64, 64, 3)
    with pytest.raises(UserError, match="distilled"):
        sampler.images(["an orange star on a white background"], [1], guidance=3.0)
    # the teacher stored as the student is, in bf16: else the format alone would make a difference
    teacher = {name: tensor.bfloat16() for name, tensor in weights(stage.model).items()}
    assert weights(out).keys() == teacher.keys()
    assert all(tensor.dtype == torch.bfloat16 for tensor in weights(out).values())
    assert sum(torch.equal(tensor, teacher[name]) for name, tensor in weights(out).items()) < len(teacher) / 4


def test_a_student_of_several_scales_takes_them_and_no_others(stage, tiny_latents, tmp_path):
    out = tmp_path / "student"
    several = dataclasses.replace(stage, guidance_scales=(1.5, 5.0), phases=(Guidance(),))
    metrics = several.run(out, HOST)
    network, config = generator.load_network(out)
    assert metrics["facts"]["parameters"] == sum(p.numel() for p in network.parameters())
    spec = generator.read_spec(out)
    assert config.guidance_embedding and spec.guidance_distilled
    assert (spec.guidance_scales, spec.guidance) == ((1.5, 5.0), 2.0)
    torch.nn.init.normal_(network.condition.guidance_out.weight, std=0.5)  # 8 steps train little
    generator.write(out, network, config, dataclasses.replace(spec, format="f32"))
    sampler, prompt = Sampler.load(out), ["an orange star on a white background"]
    low, default, same, high = (sampler.latents(prompt, [1], guidance=scale) for scale in (1.5, None, 2.0, 5))
    assert torch.equal(default, same) and (low - high).abs().max() > 1e-2 and (low - same).abs().max() > 1e-2
    assert sampler.evaluations(64, 64, steps=4, guidance=3.0, guidance_rule=PLAIN, solver="euler") == 4
    with pytest.raises(UserError, match="guidance 7: this model was distilled for 1.5 to 5"):
        sampler.latents(prompt, [1], guidance=7.0)
    model = {"channels": 4, "factor": 16}
    facts = several.facts({"model": model, "data": model})
    assert facts["guidance_scales"] == [1.5, 5.0]
    with pytest.raises(ValueError, match="a student of several guidance scales"):
        stage.facts({"model": facts, "data": model})
    drawn = ImagesStage(model=out, evaluation=6, guidance=0.5)
    with pytest.raises(ValueError, match="distilled for 1.5 to 5"):
        drawn.facts({"model": facts, "prompts": None})
    assert parse(StudentStage, dump(several)) == several
    with pytest.raises(ValueError, match="5 is not below 1.5"):
        dataclasses.replace(stage, guidance_scales=(5.0, 1.5))
    with pytest.raises(ValueError, match="leave one out"):
        dataclasses.replace(several, guidance=2.0)


def test_sample_grids_show_teacher_and_student(made):
    from PIL import Image

    picture = Image.open(made[0] / "samples" / "step_000008.png")
    assert picture.height == 3 * 66 - 2 and picture.width % 66 == 64


def test_a_killed_training_ends_as_one_that_was_not(made, stage, tmp_path):
    """The moving average that the loss is held against must come back too: from the checkpoint of step 3 on, it
    counts.
    """
    import yaml

    (tmp_path / "step.yaml").write_text(yaml.safe_dump(dump(stage)))
    out = tmp_path / "out"
    run = subprocess.run([sys.executable, "-c", KILLED, tmp_path / "step.yaml", out, "5"])
    assert run.returncode == -signal.SIGKILL
    stage.run(out, HOST)
    assert all(torch.equal(tensor, weights(made[0])[name]) for name, tensor in weights(out).items())


def test_a_run_leaves_its_text_features_on_disk_and_the_next_one_takes_them(stage, tmp_path, monkeypatch):
    monkeypatch.setattr(feature_cache, "FILE_SECONDS", 0.0)
    short = dataclasses.replace(stage, train=dataclasses.replace(TRAIN, steps=2, checkpoint_every=2, sample_every=9))
    short.run(tmp_path / "out", HOST)
    kept = tmp_path / "out" / artifact.SCRATCH
    assert [path.name for path in kept.glob("text/*")] == [artifact.read(stage.model.parent / "text").digest[:16]]
    shutil.copytree(kept, tmp_path / "next" / artifact.SCRATCH)
    monkeypatch.setattr(FrozenFeatures, "_compute", lambda *_: pytest.fail("computed again"))
    short.run(tmp_path / "next", HOST)
    assert all(
        torch.equal(tensor, weights(tmp_path / "next")[name]) for name, tensor in weights(tmp_path / "out").items()
    )


def test_facts_count_images_and_work(stage):
    model = {
        "channels": 4,
        "factor": 16,
        "flops_per_image_evaluation": 10,
        "parameters": 5,
        "guidance_distilled": False,
    }
    facts = stage.facts({"model": model, "data": {"channels": 4, "factor": 16}})
    assert facts["guidance_distilled"] and facts["parameters"] == 5 and facts["images"] == 48
    # a guided teacher counts two: once, once with the average, twice (for two substeps) with it and three jumps to it
    assert facts["flops"] == pytest.approx(48 * 10 * (3 + (2 * 1 + 0) / 4 + (2 * 1 + 1) / 4 + 2 * (2 * 2 + 1 + 3) / 4))
    with pytest.raises(ValueError, match="channels"):
        stage.facts({"model": model, "data": {"channels": 8, "factor": 16}})


def test_configs_survive_being_written_and_name_what_is_wrong(stage):
    assert parse(StudentStage, dump(stage)) == stage
    default = dataclasses.replace(stage, phases=StudentStage(model="a/b", data="c/d", train=TRAIN).phases)
    assert [phase.name() for phase in default.phases] == ["guidance", "trajectory_regression"]
    regression = default.phases[1]  # a student of 2 segments learns at every time that 4 evaluations ask about
    assert (regression.segments, regression.points) == ((2,), default.steps)
    assert set(Distiller.names()) == {"guidance", "segmented_consistency", "trajectory_regression"}
    with pytest.raises(ValueError, match="phases"):
        dataclasses.replace(stage, phases=())
