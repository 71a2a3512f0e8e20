"""The two networks of a bilingual dual encoder, small enough to train in minutes on a CPU (after CLIP,
arXiv:2103.00020).

Seedream 2.0 and 3.0 name such an embedding for retrieval and cleaning and publish no shape: here residual
convolutions with a short transformer over their cells, and a short transformer over bilingual tokens.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from seedream_core.models.attention import attend
from seedream_core.models.autoencoder.conv import Residual
from seedream_core.models.dual_encoder.towers_config import TowersConfig
from seedream_core.models.layers import Mlp

LARGEST_SCALE = math.log(100)  # CLIP's limit


class TowerBlock(nn.Module):
    """Attention and MLP, each after its norm."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = Mlp(width, 4 * width)

    def forward(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        q, k, v = self.qkv(self.norm1(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind()
        x = x + self.out(attend(q, k, v, bias).transpose(1, 2).flatten(2))
        return x + self.mlp(self.norm2(x))


class ImageTower(nn.Module):
    """B x 3 x size x size in [-1, 1] -> B x dim. Cells have position embeddings, so that left differs from right."""

    def __init__(self, config: TowersConfig) -> None:
        super().__init__()
        widths = config.widths
        body: list[nn.Module] = [nn.PixelUnshuffle(config.stem), nn.Conv2d(3 * config.stem**2, widths[0], 3, padding=1)]
        for index, width in enumerate(widths):
            if index:
                body.append(nn.Conv2d(widths[index - 1], width, 2, stride=2))
            body.append(Residual(width))
        self.body = nn.Sequential(*body)
        self.places = nn.Parameter(0.02 * torch.randn((config.size // config.factor) ** 2, widths[-1]))
        self.blocks = nn.ModuleList(TowerBlock(widths[-1], config.heads) for _ in range(config.image_depth))
        self.norm = nn.LayerNorm(widths[-1])
        self.out = nn.Linear(config.parts**2 * widths[-1], config.dim, bias=False)
        self.parts = config.parts

    def forward(self, images: Tensor) -> Tensor:
        x = self.body(images).flatten(2).transpose(1, 2) + self.places
        for block in self.blocks:
            x = block(x)
        x = self.norm(x).transpose(1, 2).unflatten(2, (math.isqrt(x.shape[1]), -1))
        return self.out(F.adaptive_avg_pool2d(x, self.parts).flatten(1))


class TextTower(nn.Module):
    """ids and mask (True is a token), B x L -> B x dim; every token attends to all others; their mean is the caption's
    vector.
    """

    def __init__(self, config: TowersConfig, vocabulary: int) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, config.text_width)
        nn.init.normal_(self.tokens.weight, std=0.02)
        self.places = nn.Parameter(0.02 * torch.randn(config.max_tokens, config.text_width))
        self.blocks = nn.ModuleList(TowerBlock(config.text_width, config.heads) for _ in range(config.text_depth))
        self.norm = nn.LayerNorm(config.text_width)
        self.out = nn.Linear(config.text_width, config.dim, bias=False)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        x = self.tokens(ids) + self.places[: ids.shape[1]]
        bias = torch.zeros_like(mask, dtype=x.dtype).masked_fill_(~mask, -torch.inf)[:, None, None]
        for block in self.blocks:
            x = block(x, bias)
        weights = mask.to(x.dtype)[:, :, None]
        return self.out((self.norm(x) * weights).sum(1) / weights.sum(1))


class Towers(nn.Module):
    """Both towers, and the factor from cosines to logits."""

    def __init__(self, config: TowersConfig, vocabulary: int) -> None:
        super().__init__()
        self.config = config
        self.image, self.text = ImageTower(config), TextTower(config, vocabulary)
        self.log_scale = nn.Parameter(torch.tensor(math.log(10.0)))

    @property
    def scale(self) -> Tensor:
        return self.log_scale.clamp(max=LARGEST_SCALE).exp()

    def image_flops(self) -> int:
        """FLOPs of one picture through its tower; captions are a small part."""
        pixels = torch.zeros(1, 3, self.config.size, self.config.size, device=self.log_scale.device)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            self.image(pixels)
        return counter.get_total_flops()

    def embed_images(self, images: Tensor) -> Tensor:
        return F.normalize(self.image(images).float(), dim=-1)

    def embed_texts(self, ids: Tensor, mask: Tensor) -> Tensor:
        return F.normalize(self.text(ids, mask).float(), dim=-1)
