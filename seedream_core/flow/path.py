"""The straight path between data and noise, and the time convention of the project: t = 0 is data, t = 1 is noise.

z_t = (1 - t) z_0 + t noise, so the velocity d z_t / d t is noise - z_0 (Seedream 3.0).
"""

from torch import Tensor


def interpolate(latents: Tensor, noise: Tensor, t: Tensor) -> Tensor:
    """z_t for B x ... latents and B times."""
    t = expand(t, latents)
    return (1 - t) * latents + t * noise


def target(latents: Tensor, noise: Tensor) -> Tensor:
    """The velocity of the path, the same at every time."""
    return noise - latents


def expand(t: Tensor, like: Tensor) -> Tensor:
    """B times -> B x 1 x ... so that they broadcast over `like`."""
    return t.reshape(-1, *[1] * (like.ndim - 1))
