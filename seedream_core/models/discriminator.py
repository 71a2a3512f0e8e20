"""A PatchGAN discriminator (arXiv 1611.07004): verdicts on overlapping patches of a picture."""

import torch
from torch import Tensor, nn

GROUPS = 8


class PatchDiscriminator(nn.Module):
    """B x 3 x H x W pictures in [-1, 1] to B x 1 x h x w verdicts, high for real ones.

    `layers` convolutions halve the resolution, two more keep it. Departure: group norm in place of batch norm, so that
    a verdict depends on its own picture alone, and neither ranks nor micro-batches change it.
    """

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        widths = [width * min(2**index, 8) for index in range(layers + 1)]
        body: list[nn.Module] = [nn.Conv2d(3, widths[0], 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        for index in range(1, layers + 1):
            stride = 2 if index < layers else 1
            body += [
                nn.Conv2d(widths[index - 1], widths[index], 4, stride=stride, padding=1, bias=False),
                nn.GroupNorm(GROUPS, widths[index]),
                nn.LeakyReLU(0.2),
            ]
        self.body = nn.Sequential(*body, nn.Conv2d(widths[-1], 1, 4, padding=1))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, std=0.02)
        self.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> Tensor:
        return self.body(images.contiguous(memory_format=torch.channels_last)).float()
