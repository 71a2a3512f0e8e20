"""The average follows its formula, and comes and goes without a trace."""

import pytest
import torch
import toy_training as toy

from seedream_core.training.callbacks.ema import Ema


def test_average_warms_up_and_follows_the_weights():
    module, ema = toy.Toy(), Ema(0.9)
    ema.on_train_start(None, module)
    weight = module.network[0].weight
    expected = weight.detach().clone()
    for step in range(1, 40):
        module.steps_done = step
        weight.data += 0.1
        ema.on_train_batch_end(None, module)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * weight.detach()
    torch.testing.assert_close(ema.weights["network.0.weight"], expected)


def test_steps_that_only_accumulate_do_not_count():
    module, ema = toy.Toy(), Ema(0.9)
    ema.on_train_start(None, module)
    before = ema.weights["network.0.weight"].clone()
    module.network[0].weight.data += 1
    ema.on_train_batch_end(None, module)
    assert torch.equal(before, ema.weights["network.0.weight"])


def test_swapped_weights_come_back_bit_for_bit_even_after_an_error():
    module, ema = toy.Toy(), Ema(0.9)
    ema.on_train_start(None, module)
    trained = module.network[0].weight
    before = trained.detach().clone()
    trained.data += 1
    moved = trained.detach().clone()
    with pytest.raises(RuntimeError), ema.swapped(module):
        assert torch.equal(trained, before)
        raise RuntimeError
    assert torch.equal(trained, moved)


def test_frozen_weights_are_not_averaged():
    module, ema = toy.Toy(), Ema(0.9)
    module.network[0].requires_grad_(False)
    ema.on_train_start(None, module)
    assert [name for name in ema.weights if name.startswith("network.0")] == []
