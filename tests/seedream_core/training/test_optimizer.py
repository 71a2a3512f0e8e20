"""The rate is a function of the step; the members do what torch's own do."""

import copy
import math

import pytest
import torch
import toy_training as toy
from torch import nn

from seedream_core.training.optimizer import SkipNonFinite, learning_rate


def test_learning_rates():
    cosine = toy.config(steps=110, warmup=10, lr=1.0, final_lr=0.1)
    assert learning_rate(cosine, 0) == pytest.approx(0.1)
    assert learning_rate(cosine, 9) == 1.0
    assert learning_rate(cosine, 60) == pytest.approx(0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi / 2)))
    assert learning_rate(cosine, 110) == pytest.approx(0.1)
    linear = toy.config(steps=110, warmup=10, lr=1.0, final_lr=0.1, schedule="linear")
    assert learning_rate(linear, 35) == pytest.approx(0.1 + 0.9 * 0.75)
    assert learning_rate(toy.config(lr=1.0, warmup=0, schedule="constant"), 29) == 1.0


def network() -> nn.Module:
    torch.manual_seed(1)
    return nn.ModuleDict(
        {
            "embed": nn.Embedding(100, 32),
            "blocks": nn.ModuleList([nn.Linear(32, 64), nn.Linear(64, 32)]),
            "norm": nn.LayerNorm(32),
            "out": nn.Linear(32, 3),
        }
    )


def backward(net: nn.Module, step: int) -> None:
    torch.manual_seed(step)
    x = net["embed"](torch.randint(100, (200,)))
    for layer in net["blocks"]:
        x = layer(x).tanh()
    net["out"](net["norm"](x)).square().mean().backward()


def test_adamw_equals_torchs_with_decay_on_matrices_only():
    ours, theirs = network(), network()
    train = toy.config(weight_decay=0.1, clip=0.01)
    guarded = SkipNonFinite(ours, train)
    matrices = [p for name, p in theirs.named_parameters() if p.ndim == 2 and "embed" not in name]
    others = [p for name, p in theirs.named_parameters() if p.ndim < 2 or "embed" in name]
    plain = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}],
        lr=train.lr,
        betas=train.betas,
    )
    for step in range(8):
        for net, optimizer in ((ours, guarded), (theirs, plain)):
            optimizer.zero_grad()
            backward(net, step)
        nn.utils.clip_grad_norm_(theirs.parameters(), 0.01)
        for group in plain.param_groups:
            group["lr"] = learning_rate(train, step)
        guarded.step()
        plain.step()
    for one, other in zip(ours.parameters(), theirs.parameters()):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-7)


def test_muon_takes_the_matrices_of_the_blocks_and_adamw_the_rest():
    net = network()
    guarded = SkipNonFinite(net, toy.config(optimizer="muon"))
    adamw, muon = guarded.members
    assert {id(p) for p in muon.param_groups[0]["params"]} == {id(layer.weight) for layer in net["blocks"]}
    assert sum(len(group["params"]) for group in adamw.param_groups) == 7
    before = net["blocks"][0].weight.detach().clone()
    backward(net, 0)
    guarded.step()
    update = (net["blocks"][0].weight.detach() - before) / guarded.lr
    singular = torch.linalg.svdvals(update / (0.2 * math.sqrt(64)))
    assert singular.min() > 0.6 and singular.max() < 1.3  # orthogonal, as large as AdamW's


@pytest.mark.parametrize("kind", ["adamw", "muon"])
def test_saved_and_loaded_goes_on_bit_for_bit(kind):
    train = toy.config(optimizer=kind)
    first, second = network(), network()
    optimizers = [SkipNonFinite(first, train), SkipNonFinite(second, train)]
    for step in range(3):
        optimizers[0].zero_grad()
        backward(first, step)
        optimizers[0].step()
    second.load_state_dict(first.state_dict())
    optimizers[1].load_state_dict(copy.deepcopy(optimizers[0].state_dict()))  # as through a file
    for net, optimizer in zip((first, second), optimizers):
        optimizer.zero_grad()
        backward(net, 3)
        optimizer.step()
    assert all(torch.equal(one, other) for one, other in zip(first.parameters(), second.parameters()))


def test_bad_gradients_change_nothing_but_the_count():
    net = network()
    guarded = SkipNonFinite(net, toy.config())
    backward(net, 0)
    net["norm"].bias.grad[0] = float("inf")
    before = [p.detach().clone() for p in net.parameters()]
    guarded.step()
    assert (guarded.steps, guarded.bad_in_row) == (1, 1)
    assert all(torch.equal(one, other) for one, other in zip(before, net.parameters()))
    guarded.zero_grad()
    backward(net, 1)
    guarded.step()
    assert guarded.bad_in_row == 0
