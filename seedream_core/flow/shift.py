"""Resolution-aware time shift: more tokens, more noise (Seedream 3.0; base and alpha as in SD3, arXiv 2403.03206).

t' = alpha t / (1 + (alpha - 1) t) moves logit t by ln alpha. A larger picture hides
its layout less at equal noise, so training and sampling spend more time near t = 1.
"""

import math

from torch import Tensor


def alpha(tokens: float, base_tokens: float) -> float:
    """SD3's factor: the square root of the ratio of token counts."""
    return math.sqrt(tokens / base_tokens)


def shift(t: Tensor, alpha: float) -> Tensor:
    """Times in [0, 1] shifted by `alpha`; alpha 1 changes nothing; times 0 and 1 stay."""
    return alpha * t / (1 + (alpha - 1) * t)
