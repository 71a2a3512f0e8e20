import math

import torch

from seedream_core.flow.shift import alpha, shift


def test_a_shift_moves_logit_t_by_ln_alpha():
    t = torch.linspace(0.01, 0.99, 50)
    torch.testing.assert_close(torch.logit(shift(t, 3.0)), torch.logit(t) + math.log(3.0), atol=1e-4, rtol=1e-4)


def test_ends_stay_and_one_is_the_identity():
    t = torch.linspace(0, 1, 11)
    assert shift(t, 5.0)[0] == 0 and shift(t, 5.0)[-1] == 1
    torch.testing.assert_close(shift(t, 1.0), t)


def test_four_times_the_tokens_double_alpha():
    assert alpha(64, 16) == 2.0 and alpha(16, 16) == 1.0
