"""Named optimisers: each part learns from its own loss alone, and micro-batches add up to one step of the clock."""

from types import SimpleNamespace

import pytest
import torch
import toy_training as toy
from torch import nn

from seedream_core.training.objective import Objective
from seedream_core.training.optimizer import SkipNonFinite


class TwoParts(Objective):
    def __init__(self, micro_batches: int = 1) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.train_config, self.micro_batches = toy.config(), micro_batches
        torch.manual_seed(0)
        self.network, self.judge = nn.Linear(4, 4), nn.Linear(4, 1)
        self._trainer = SimpleNamespace(world_size=1)
        self.configure_optimizers()

    def make_optimizers(self) -> dict[str, SkipNonFinite]:
        return {name: SkipNonFinite(getattr(self, name), self.train_config) for name in ("network", "judge")}

    def losses(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        made = self.network(x)
        return {"network": self.judge(made).mean(), "judge": self.judge(made.detach()).square().mean()}


def weights(module: nn.Module) -> list[torch.Tensor]:
    return [p.detach().clone() for p in module.parameters()]


def test_a_loss_moves_its_own_part_alone():
    x, module = torch.randn(6, 4), TwoParts()
    judge = weights(module.judge)
    assert module.learn({"network": module.losses(x)["network"]})
    assert all(torch.equal(one, other) for one, other in zip(judge, weights(module.judge)))
    assert all(p.grad is None for p in module.parameters())
    network = weights(module.network)
    module.learn({"judge": module.losses(x)["judge"]})
    assert all(torch.equal(one, other) for one, other in zip(network, weights(module.network)))
    assert not any(torch.equal(one, other) for one, other in zip(judge, weights(module.judge)))
    assert module.steps_done == 2


def test_micro_batches_are_one_step():
    x = torch.randn(6, 4)
    whole, parts = TwoParts(), TwoParts(micro_batches=3)
    assert whole.learn(whole.losses(x))
    assert [parts.learn(parts.losses(part)) for part in x.split(2)] == [False, False, True]
    assert whole.steps_done == parts.steps_done == 1
    for one, other in zip(weights(whole), weights(parts)):
        torch.testing.assert_close(one, other)


def test_the_clock_is_saved_and_older_checkpoints_have_lightnings_count():
    module, checkpoint = TwoParts(), {"global_step": 0}
    module.steps_done = 7
    module.on_save_checkpoint(checkpoint)
    other = TwoParts()
    other.on_load_checkpoint(checkpoint)
    assert other.steps_done == 7
    other.on_load_checkpoint({"global_step": 5})
    assert other.steps_done == 5


def test_a_bad_gradient_skips_its_part_alone():
    x, module = torch.randn(6, 4), TwoParts()
    before = weights(module.network), weights(module.judge)
    losses = module.losses(x)
    module.learn(losses | {"network": losses["network"] * float("nan")})
    assert all(torch.equal(one, other) for one, other in zip(before[0], weights(module.network)))
    assert not any(torch.equal(one, other) for one, other in zip(before[1], weights(module.judge)))
    assert [optimizer.bad_in_row for optimizer in module.named_optimizers.values()] == [1, 0]


@pytest.mark.parametrize("name", ["network", "judge"])
def test_optimisers_have_names(name):
    module = TwoParts()
    ours = {id(p) for p in getattr(module, name).parameters()}
    assert {id(p) for p in module.named_optimizers[name].parameters()} == ours
