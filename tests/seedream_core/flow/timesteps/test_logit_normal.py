import torch

from seedream_core.flow.shift import shift
from seedream_core.flow.timesteps.logit_normal import LogitNormal


def test_its_logit_is_normal():
    uniform = (torch.arange(20_000) + 0.5) / 20_000
    logit = torch.logit(LogitNormal(mean=0.4, std=0.8)(uniform, 16))
    assert abs(logit.mean() - 0.4) < 0.01 and abs(logit.std() - 0.8) < 0.01


def test_more_tokens_shift_towards_noise_by_the_square_root():
    uniform = torch.rand(100)
    times = LogitNormal(base_tokens=16)
    torch.testing.assert_close(times(uniform, 64), shift(times(uniform, 16), 2.0))


def test_a_shift_of_its_own_comes_on_top():
    uniform = torch.rand(100)
    torch.testing.assert_close(LogitNormal(shift=2.0)(uniform, 64), LogitNormal()(uniform, 256))
