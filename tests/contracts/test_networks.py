"""Every velocity network, through its whole life: trained, tuned, distilled, quantised and drawn with, by the stages as
they are.
"""

from dataclasses import replace

import pytest
import torch
import toy_training as toy
from torch.utils.flop_counter import FlopCounterMode

from seedream_core.distillers.guidance import Guidance
from seedream_core.flow.velocity import predict
from seedream_core.generate.sizes import needed_bytes
from seedream_core.models.conditions import Conditions
from seedream_core.models.dit import DitConfig
from seedream_core.pipeline import generator
from seedream_core.pipeline.sampler import Sampler
from seedream_core.quant.w4a8 import QuantLinear
from seedream_core.stages.distill.student import StudentStage
from seedream_core.stages.posttrain.sft import SftStage
from seedream_core.stages.pretrain.mmdit import MmditStage
from seedream_core.stages.quantize.calibrate import CalibrateStage
from seedream_core.workflow import artifact, execute
from seedream_core.workflow.config import changed, dump, parse

SIZE = {"width": 24, "depth": 2, "heads": 2, "modulation_rank": 4}
PROMPT = ["an orange star on a white background"]

every_network = pytest.mark.parametrize("name", DitConfig.names())


def build(name, *, awake=True, **options):
    torch.manual_seed(0)
    config = parse(DitConfig, {"name": name} | SIZE | options)
    module = config.build(channels=4, text_width=12)
    if awake:  # as after training: nothing is zero
        for parameter in module.parameters():
            parameter.data += 0.1 * torch.randn_like(parameter)
    return module


def inputs(batch=2, tokens=5, side=4):
    drawn = torch.Generator().manual_seed(1)
    text = torch.randn(batch, tokens, 12, generator=drawn)
    conditions = Conditions(text, torch.ones(batch, tokens, dtype=torch.bool))
    return torch.randn(batch, 4, side, side, generator=drawn), torch.rand(batch, generator=drawn), conditions


@every_network
def test_the_velocity_is_zero_at_the_start_and_every_parameter_learns_later(name):
    assert not build(name, awake=False)(*inputs()).velocity.any()
    module = build(name)
    module(*inputs()).velocity.square().mean().backward()
    assert [name for name, p in module.named_parameters() if p.grad is None or not p.grad.any()] == []


@every_network
@pytest.mark.parametrize("patch", (1, 2))
@pytest.mark.parametrize("embedding", (False, True))
def test_flops_and_parameters_are_known_before_it_is_built(name, patch, embedding):
    module = build(name, patch=patch, guidance_embedding=embedding)
    latents, t, conditions = inputs(batch=3, tokens=7, side=8)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(latents, t, conditions.at(3.0) if embedding else conditions)
    tokens = int(module.config.latent_tokens(latents.shape))
    assert tokens == (8 // patch) ** 2
    assert module.config.flops(tokens, 7, channels=4, text_width=12) * 3 == counter.get_total_flops()
    counted = module.config.parameters(channels=4, text_width=12)
    assert counted == sum(parameter.numel() for parameter in module.parameters())


@every_network
def test_padding_changes_nothing_and_text_time_and_place_do(name):
    module = build(name)
    latents, t, conditions = inputs()
    base = predict(module, latents, t, conditions).velocity
    more = torch.cat([conditions.text, torch.full((2, 3, 12), 9.0)], dim=1)
    mask = torch.cat([conditions.text_mask, torch.zeros(2, 3, dtype=torch.bool)], dim=1)
    torch.testing.assert_close(predict(module, latents, t, Conditions(more, mask)).velocity, base)
    flipped = replace(conditions, text=conditions.text.flip(1))
    for changed_inputs in ((latents, t, flipped), (latents, 1 - t, conditions), (latents.flip(3), t, conditions)):
        assert (predict(module, *changed_inputs).velocity - base).abs().max() > 1e-3
    hidden = predict(module, latents, t, conditions, hidden=True).hidden
    assert [tuple(state.shape) for state in hidden] == [(2, 16, 24)] * 2
    assert predict(module, *inputs(side=6)).velocity.shape == (2, 4, 6, 6)


@every_network
def test_a_guidance_embedding_comes_and_goes_without_a_trace(name):
    module = build(name)
    latents, t, conditions = inputs()
    base = module(latents, t, conditions).velocity
    wider, config = generator.with_guidance_embedding(module, module.config, True)
    assert config.guidance_embedding and torch.equal(wider(latents, t, conditions.at(3.0)).velocity, base)
    back, config = generator.with_guidance_embedding(wider, config, False)
    assert config == module.config and torch.equal(back(latents, t, conditions).velocity, base)


@every_network
def test_its_whole_life(name, tiny_latents, tiny_generator, tmp_path):
    made = lambda stage, step: execute.step(stage, tmp_path / step, toy.host(), say=lambda line: None)  # noqa: E731
    train = toy.config(steps=3, global_batch=4, log_every=1, sample_every=3)
    base = parse(
        MmditStage,
        {
            "data": str(tiny_latents),
            "vae": str(tiny_generator.parent / "vae"),
            "text": str(tiny_generator.parent / "text"),
            "net": {"name": name, "width": 32, "depth": 2, "heads": 2, "modulation_rank": 8},
            "prompts": PROMPT,
            "train": dump(train),
        },
    )
    facts = made(base, "base").facts
    assert facts["network"] == name and parse(MmditStage, dump(base)) == base
    made(SftStage(model=tmp_path / "base", data=tiny_latents, train=train, prompts=tuple(PROMPT)), "tuned")
    student = StudentStage(
        model=tmp_path / "tuned", data=tiny_latents, phases=(Guidance(),), guidance_scales=(1.5, 5.0), train=train
    )
    made(student, "student")
    quantised = CalibrateStage(
        model=tmp_path / "student", data=tiny_latents, budget=0.9, samples=6, tune=2, times=(1.0, 0.5), bundle=True
    )
    metrics = made(quantised, "w4a8").metrics
    assert metrics["velocity_error"] < 0.3
    network, config = generator.load_network(tmp_path / "w4a8")
    assert config.name() == name and config.guidance_embedding
    assert any(isinstance(layer, QuantLinear) and layer.bits == 4 for layer in network.modules())
    for step in ("base", "tuned", "student", "w4a8"):
        assert artifact.verify(tmp_path / step) == []
        sampler = Sampler.load(tmp_path / step)
        assert sampler.images(PROMPT, [1], steps=2, guidance=3.0).shape == (1, 64, 64, 3)
        # so large a picture that the network's tokens decide: the estimate must know them
        assert needed_bytes(sampler, 1024, 1024, 0) > needed_bytes(sampler, 64, 64, 0) > 0
    again = SftStage(
        model=tmp_path / "w4a8", convert_to_base=True, data=tiny_latents, train=train, prompts=tuple(PROMPT)
    )
    assert not made(again, "again").facts["guidance_scales"]
    spec, (_, config) = generator.read_spec(tmp_path / "again"), generator.load_network(tmp_path / "again")
    assert (spec.guidance_scales, config.guidance_embedding, spec.format) == (None, False, "bf16")


def test_a_network_without_a_name_is_an_mmdit_and_counts_as_before():
    plain, named = ({"width": 32, "heads": 2}, {"name": "mmdit", "width": 32, "heads": 2})
    assert parse(DitConfig, plain) == parse(DitConfig, named)
    assert changed(parse(DitConfig, plain)) == {"width": 32, "heads": 2}
    other = parse(DitConfig, {"name": "single_stream", "width": 48, "heads": 2})
    assert changed(other) == {"name": "single_stream", "width": 48, "heads": 2}
    assert parse(DitConfig, dump(other)) == other
