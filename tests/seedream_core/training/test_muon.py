"""The update is torch's own, in bf16 or float32; the directions are orthogonal; gradients may be missing."""

import copy

import pytest
import torch

from seedream_core import processor
from seedream_core.training.muon import Muon, orthogonalise

SHAPES = [(48, 32), (32, 48), (48, 32), (40, 40)]


def matrices() -> list[torch.nn.Parameter]:
    torch.manual_seed(0)
    return [torch.nn.Parameter(torch.randn(shape)) for shape in SHAPES]


@pytest.mark.parametrize("has_bf16", [True, False])
def test_equals_torchs_own(has_bf16, monkeypatch):
    if has_bf16 and not processor.has_bf16():
        pytest.skip("this CPU has no bf16 instructions")
    monkeypatch.setattr(processor, "has_bf16", lambda: has_bf16)
    if not has_bf16:  # torch's own knows no choice
        monkeypatch.setattr(torch.Tensor, "bfloat16", torch.Tensor.float)
    ours, theirs = matrices(), matrices()
    muon = Muon(ours, lr=0.1, weight_decay=0.1)
    reference = torch.optim.Muon(theirs, lr=0.1, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    for step in range(5):
        torch.manual_seed(step)
        for one, other in zip(ours, theirs):
            one.grad = torch.randn_like(one)
            other.grad = one.grad.clone()
        muon.step()
        reference.step()
    for one, other, start in zip(ours, theirs, matrices()):
        assert (one - other).norm() < (0.03 if has_bf16 else 1e-4) * (other - start).norm()
    for one, other in zip(ours, theirs):
        torch.testing.assert_close(muon.state[one]["momentum_buffer"], reference.state[other]["momentum_buffer"])


@pytest.mark.parametrize("shape", [(2, 30, 80), (3, 80, 30), (1, 32, 32)])
def test_singular_values_come_near_one(shape):
    torch.manual_seed(1)
    singular = torch.linalg.svdvals(orthogonalise(torch.randn(shape) * 1e-3).float())
    assert singular.max() < 1.3 and singular[..., :-3].min() > 0.6


def test_products_take_the_type_that_the_cpu_is_fast_at(monkeypatch):
    for has, dtype in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(processor, "has_bf16", lambda has=has: has)
        assert orthogonalise(torch.zeros(1, 0, 4)).dtype == dtype  # of nothing, so that no product runs here
        assert orthogonalise(torch.ones(1, 2, 4, device="meta")).dtype == torch.bfloat16


def test_matrix_without_gradient_stays():
    ours = matrices()
    before = copy.deepcopy(ours)
    for p in ours[1:]:
        p.grad = torch.ones_like(p)
    Muon(ours, lr=0.1).step()
    assert torch.equal(ours[0], before[0]) and not torch.equal(ours[1], before[1])
