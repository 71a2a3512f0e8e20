"""A generator becomes a W4A8 one that is within its budget, draws pictures, and can be saved and bundled again."""

import json
from dataclasses import replace

import pytest
import torch

from seedream_core.errors import UserError
from seedream_core.pipeline import generator
from seedream_core.pipeline.sampler import Sampler
from seedream_core.quant import save_quantised
from seedream_core.quant.w4a8 import QuantLinear
from seedream_core.stages.quantize.calibrate import CalibrateStage
from seedream_core.workflow import artifact
from seedream_core.workflow.host import Host

PROMPTS = ["an orange star on a white background", "白色背景上有一个橙色五角星"]


def finish(out, facts):
    artifact.finish(
        out,
        kind="generator",
        stage="quantize/calibrate",
        fingerprint="x",
        inputs={},
        facts=facts,
        metrics={},
        seconds=0,
    )


@pytest.fixture(scope="module")
def made(tiny_generator, tiny_latents, tmp_path_factory):
    out = tmp_path_factory.mktemp("made") / "w4a8"
    out.mkdir()
    stage = CalibrateStage(model=tiny_generator, data=tiny_latents, budget=0.8, samples=10, tune=3)
    metrics = stage.run(out, Host(precision="f32"))
    facts = [artifact.read(folder).facts for folder in (tiny_generator, tiny_latents)]
    finish(out, stage.facts({"model": facts[0] | {"channels": 4, "factor": 16}, "data": facts[1]}))
    return stage, out, metrics


def test_the_file_keeps_its_budget_and_the_errors_are_reported(made):
    stage, out, metrics = made
    size = (out / "network" / "weights.safetensors").stat().st_size
    assert metrics["network_bytes"] == size and metrics["file_ratio"] <= stage.budget
    assert set(metrics["velocity_errors"]) == {"1.0", "0.8", "0.6", "0.4", "0.2"}
    assert 0 < metrics["velocity_error"] < 0.3
    assert artifact.read(out).facts["format"] == "w4a8"


def test_every_layer_has_its_line_in_the_log(made):
    _, out, metrics = made
    rows = [json.loads(line) for line in (out / "logs" / "sensitivity.jsonl").read_text().splitlines()]
    network, _ = generator.load_network(out)
    assert len(rows) == sum(metrics["bits"].values())
    assert all(set(row["errors"]) <= {"4", "8", "16"} for row in rows)
    quantised = sum(isinstance(layer, QuantLinear) for layer in network.modules())
    assert quantised == metrics["bits"]["4"] + metrics["bits"]["8"] > 0


def test_the_sampler_draws_with_it_as_it_is(made, tiny_generator):
    pictures = Sampler.load(made[1]).images(PROMPTS, [1, 2], steps=2)
    original = Sampler.load(tiny_generator).images(PROMPTS, [1, 2], steps=2)
    assert pictures.shape == (2, 64, 64, 3)
    assert abs(pictures.astype(int) - original.astype(int)).mean() < 20


def test_it_stays_quantised_when_saved_and_bundled(made, tmp_path):
    _, out, _ = made
    network, config = generator.load_network(out)
    save_quantised(tmp_path / "network", network, config)
    assert (tmp_path / "network" / "weights.safetensors").read_bytes() == (
        out / "network" / "weights.safetensors"
    ).read_bytes()
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    generator.bundle(out, bundle)
    finish(bundle, {})
    assert generator.read_spec(bundle).format == "w4a8"
    assert (
        Sampler.load(bundle).images(PROMPTS[:1], [1], steps=1) == Sampler.load(out).images(PROMPTS[:1], [1], steps=1)
    ).all()


def test_the_stage_bundles_when_asked(tiny_generator, tiny_latents, tmp_path):
    stage = CalibrateStage(
        model=tiny_generator,
        data=tiny_latents,
        budget=0.9,
        samples=4,
        tune=0,
        times=(1.0,),
        compensate=False,
        bundle=True,
    )
    stage.run(tmp_path, Host(precision="f32", threads=torch.get_num_threads()))
    assert generator.read_spec(tmp_path).text.path == "text"
    assert (tmp_path / "text" / "artifact.json").is_file() and (tmp_path / "autoencoder" / "network").is_dir()


def test_an_impossible_budget_names_the_least_that_is_possible(tiny_generator, tiny_latents, tmp_path):
    with pytest.raises(UserError, match="at the least"):
        CalibrateStage(model=tiny_generator, data=tiny_latents, budget=0.01, samples=2).run(tmp_path, Host())


def test_a_quantised_model_is_not_quantised_again():
    stage = CalibrateStage(model="a/b", data="c/d")
    facts = {"channels": 4, "factor": 16}
    with pytest.raises(ValueError, match="already"):
        stage.facts({"model": facts | {"format": "w4a8"}, "data": facts})
    with pytest.raises(ValueError, match="channels"):
        stage.facts({"model": facts, "data": facts | {"channels": 8}})
    with pytest.raises(ValueError, match="times"):
        replace(stage, times=())
