"""posttrain/sft: what is picked, what is kept of the model, what is refused."""

from dataclasses import replace

import pytest
import torch
import toy_training as toy

from seedream_core.errors import DataError, UserError
from seedream_core.generate import vocabulary
from seedream_core.pipeline import generator
from seedream_core.pipeline.sampler import Sampler
from seedream_core.stages.posttrain.sft import Choice, SftStage
from seedream_core.workflow import artifact, execute

SCORES = [
    {"clarity": 0.5, "margin": 1.0},
    {"clarity": 0.2, "margin": 3.0},
    {"clarity": 0.9, "margin": 2.0},
    {"margin": 9.0},
]


@pytest.mark.parametrize(
    "choice, picked",
    [
        (Choice(), [0, 1, 2, 3]),
        (Choice(min_scores={"clarity": 0.3}), [0, 2]),
        (Choice(score="margin", best=0.5), [1, 3]),
        (Choice(min_scores={"clarity": 0.1}, score="margin", best=0.67), [1, 2]),
    ],
)
def test_picks_by_scores(choice, picked):
    assert choice.pick(SCORES) == picked


def test_nothing_picked_names_the_scores():
    with pytest.raises(DataError, match="none of 4 samples is picked; their scores are clarity, margin"):
        Choice(min_scores={"clarity": 1.1}).pick(SCORES)
    with pytest.raises(ValueError, match="name the score in `score`"):
        Choice(best=0.5)


@pytest.fixture
def sft(tiny_generator, tiny_latents):
    return SftStage(
        model=tiny_generator,
        data=tiny_latents,
        prompts=("an orange star",),
        train=toy.config(steps=4, global_batch=4, log_every=2, lr=1e-3, ema=0.0),
    )


def test_goes_on_from_the_models_weights(sft, tmp_path):
    out = tmp_path / "sft"
    facts = {"channels": 4, "factor": 16, "flops_per_image_evaluation": 1, "network": "mmdit"}
    planned = sft.facts({"model": facts, "data": artifact.read(sft.data).facts})
    assert (planned["images"], planned["flops"], planned["network"]) == (16, 48, "mmdit")
    sft = replace(sft, train=replace(sft.train, lr=1e-9))
    metrics = sft.run(out, toy.host())
    assert (metrics["picked"], metrics["picked_of"]) == (24, 24)
    before, after = generator.load(sft.model), generator.load(out)
    assert after.spec.guidance == before.spec.guidance and after.spec.text.digest == before.spec.text.digest
    for one, other in zip(before.network.parameters(), after.network.parameters()):
        assert (one - other).abs().max() < 1e-6
    assert vocabulary.load(out) == vocabulary.load(sft.model)
    Sampler.load(out).images(["an orange star"], [0])


def test_only_the_picked_samples_are_seen(sft, tmp_path, monkeypatch):
    from seedream_core.objectives import flow

    seen = set()
    real = flow.FlowModule.training_step
    monkeypatch.setattr(
        flow.FlowModule, "training_step", lambda self, batch, index: seen.update(batch.keys) or real(self, batch, index)
    )
    monkeypatch.setattr(Choice, "pick", lambda self, scores: [3, 5, 8])
    metrics = replace(sft, choose=Choice(score="clarity")).run(tmp_path / "sft", toy.host())
    assert (metrics["picked"], metrics["picked_of"]) == (3, 24)
    assert seen == {"s003", "s005", "s008"}


def test_quantised_models_are_refused(sft, tmp_path):
    spec = generator.read_spec(sft.model)
    packed = tmp_path / "packed"
    packed.mkdir()
    generator.write_spec(packed, replace(generator.rebase(spec, sft.model, packed), format="w4a8"))
    artifact.finish(
        packed,
        kind="generator",
        stage="quantize/calibrate",
        fingerprint="x",
        inputs={},
        metrics={},
        seconds=0,
        facts={"format": "w4a8", "channels": 4, "factor": 16},
    )
    with pytest.raises(UserError, match="w4a8|4-bit|packed"):
        execute.step(replace(sft, model=packed), tmp_path / "out", toy.host(), say=lambda line: None)


def test_students_and_foreign_latents_are_refused(sft):
    data = artifact.read(sft.data).facts
    with pytest.raises(ValueError, match="guidance-distilled"):
        sft.facts({"model": {"channels": 4, "factor": 16, "guidance_distilled": True}, "data": data})
    with pytest.raises(ValueError, match="channels 4, but model has channels 8"):
        sft.facts({"model": {"channels": 8, "factor": 16}, "data": data})
    with pytest.raises(ValueError, match="factor 16, but model has factor 8"):
        sft.facts({"model": {"channels": 4, "factor": 8}, "data": data})


def test_a_packed_student_is_tuned_as_a_plain_flow_again(tiny_generator, tiny_latents, tmp_path):
    from seedream_core.stages.quantize.calibrate import CalibrateStage

    packed = tmp_path / "packed"
    packed.mkdir()
    CalibrateStage(
        model=tiny_generator,
        data=tiny_latents,
        budget=0.9,
        samples=4,
        tune=0,
        times=(1.0,),
        compensate=False,
        bundle=True,
    ).run(packed, toy.host())
    spec = generator.read_spec(packed)
    generator.write_spec(packed, replace(spec, guidance_distilled=True, steps=4, guidance=1.0))
    options = {
        "model": packed,
        "data": tiny_latents,
        "prompts": ("a star",),
        "train": toy.config(steps=2, global_batch=4, lr=1e-9, ema=0.0),
    }
    model = {"channels": 4, "factor": 16, "flops_per_image_evaluation": 1, "format": "w4a8", "guidance_distilled": True}
    facts = {"model": model, "data": artifact.read(tiny_latents).facts}
    with pytest.raises(ValueError, match="weights packed in w4a8 would unlearn.*convert_to_base: true"):
        SftStage(**options).facts(facts)
    sft = SftStage(convert_to_base=True, **options)
    assert sft.facts(facts)["format"] == "bf16" and not sft.facts(facts)["guidance_distilled"]
    sft.run(tmp_path / "out", toy.host())
    before, after = generator.load(packed), generator.load(tmp_path / "out")
    assert (after.spec.format, after.spec.guidance_distilled, after.spec.guidance) == (
        "bf16",
        False,
        3.0,
    ) and after.spec.steps > 4
    names = {name for name, layer in before.network.named_modules() if hasattr(layer, "integers")}
    assert names
    for name in names:
        assert torch.allclose(
            before.network.get_submodule(name).weight, after.network.get_submodule(name).weight, atol=1e-2, rtol=1e-2
        )
    assert set(vocabulary.load(tiny_generator)["words"]) <= set(vocabulary.load(tmp_path / "out")["words"])
    Sampler.load(tmp_path / "out").images(["an orange star"], [0], steps=2)
