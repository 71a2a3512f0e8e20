import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from seedream_core import processor
from seedream_core.models.conditions import Conditions
from seedream_core.models.dit.mmdit import Mmdit, MmditConfig

MODULATIONS = ("full", "low_rank", "shared")


def network(modulation="low_rank", *, awake=False, **options):
    torch.manual_seed(0)
    config = MmditConfig(width=32, depth=3, heads=2, modulation=modulation, modulation_rank=4, **options)
    module = Mmdit(config, channels=4, text_width=12)
    if awake:  # as after training: nothing is zero
        for parameter in module.parameters():
            parameter.data += 0.1 * torch.randn_like(parameter)
    return module


def inputs(batch=2, tokens=5, side=4):
    generator = torch.Generator().manual_seed(1)
    return (
        torch.randn(batch, 4, side, side, generator=generator),
        torch.rand(batch, generator=generator),
        Conditions(torch.randn(batch, tokens, 12, generator=generator), torch.ones(batch, tokens, dtype=torch.bool)),
    )


@pytest.mark.parametrize("modulation", MODULATIONS)
def test_output_is_zero_at_the_start_and_every_parameter_learns_later(modulation):
    assert not network(modulation)(*inputs()).velocity.any()
    module = network(modulation, awake=True)
    module(*inputs()).velocity.square().mean().backward()
    assert [name for name, p in module.named_parameters() if p.grad is None or not p.grad[:5].any()] == []


@pytest.mark.parametrize("modulation", MODULATIONS)
@pytest.mark.parametrize("patch", (1, 2))
def test_flops_in_closed_form_are_what_the_counter_counts(modulation, patch):
    module = network(modulation, patch=patch)
    latents, t, conditions = inputs(batch=3, tokens=7, side=8)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(latents, t, conditions)
    tokens = (8 // patch) ** 2
    assert module.config.flops(tokens, 7, channels=4, text_width=12) * 3 == counter.get_total_flops()


def test_absolute_positions_are_counted_learn_and_tell_places_apart():
    module = network(awake=True, absolute=True)
    latents, t, conditions = inputs(batch=1)
    with FlopCounterMode(display=False) as counter:
        velocity = module(latents, t, conditions).velocity
    assert module.config.flops(16, 5, channels=4, text_width=12) == counter.get_total_flops()
    velocity.square().mean().backward()
    assert module.image_positions.project.weight.grad.any()
    places = module.image_positions(module.config.rope.positions(4, 4))
    assert torch.pdist(places).min() > 0.05
    assert module(*inputs(side=6)).velocity.shape[2:] == (6, 6)


def test_a_guidance_embedding_is_counted():
    module = network(awake=True, guidance_embedding=True)
    latents, t, conditions = inputs()
    with FlopCounterMode(display=False) as counter:
        velocity = module(latents, t, conditions.at(3.0)).velocity
    assert module.config.flops(16, 5, channels=4, text_width=12) * 2 == counter.get_total_flops()
    assert (module(latents, t, conditions.at(torch.tensor([3.0, 4.0]))).velocity[0] == velocity[0]).all()
    assert (module(latents, t, conditions.at(4.0)).velocity - velocity).abs().max() > 1e-3


def test_padding_of_the_text_changes_nothing():
    module = network(awake=True)
    latents, t, conditions = inputs()
    text, mask = conditions.text, conditions.text_mask
    padded = torch.cat([text, torch.full((2, 3, 12), 9.0)], dim=1)
    padded_mask = torch.cat([mask, torch.zeros(2, 3, dtype=torch.bool)], dim=1)
    torch.testing.assert_close(
        module(latents, t, Conditions(padded, padded_mask)).velocity, module(latents, t, conditions).velocity
    )


def test_text_time_and_place_matter():
    module = network(awake=True)
    latents, t, conditions = inputs()
    base = module(latents, t, conditions).velocity
    for changed in (
        module(latents, t, Conditions(conditions.text.flip(1), conditions.text_mask)),
        module(latents, 1 - t, conditions),
        module(latents.flip(3), t, conditions),
    ):
        assert (changed.velocity - base).abs().max() > 1e-3


def test_hidden_states_are_one_per_block():
    hidden = network()(*inputs(), hidden=True).hidden
    assert [tuple(state.shape) for state in hidden] == [(2, 16, 32)] * 3


@pytest.mark.skipif(not processor.has_bf16(), reason="this CPU has no bf16 instructions")
def test_bf16_autocast_is_close_to_f32():
    module = network(awake=True)
    exact = module(*inputs()).velocity
    with torch.autocast("cpu", torch.bfloat16):
        rough = module(*inputs()).velocity
    assert (rough.float() - exact).norm() / exact.norm() < 0.05


def test_works_at_2048_pixels_on_the_meta_device():
    with torch.device("meta"):
        module = Mmdit(MmditConfig(width=32, depth=1, heads=2), channels=16, text_width=12)
        velocity = module(
            torch.empty(1, 16, 128, 128),
            torch.empty(1),
            Conditions(torch.empty(1, 5, 12), torch.ones(1, 5, dtype=torch.bool)),
        ).velocity
    assert velocity.shape == (1, 16, 128, 128)


def test_sizes_that_do_not_fit_are_named_with_ones_that_do():
    with pytest.raises(ValueError, match="width 500 is not a multiple of 16; try 496 or 512"):
        MmditConfig().image_tokens(500, 512, 16)
    with pytest.raises(ValueError, match="whole multiple of 4"):
        MmditConfig(width=30, heads=5)
