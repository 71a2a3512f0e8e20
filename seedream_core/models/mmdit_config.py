"""Config of the MM-DiT; parameters and FLOPs in closed form, without building the network."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Ge, Gt

from seedream_core.models.rope import Rope
from seedream_core.workflow.config import Config

if TYPE_CHECKING:
    from torch import nn

TIME_FEATURES = 256
POSITION_FEATURES = 32


@dataclass(frozen=True, kw_only=True)
class MmditConfig(Config):
    """A two-stream transformer: joint attention, weights of its own for each modality (Seedream 2.0)."""

    width: Annotated[int, Ge(8)] = 192
    """Features per token."""
    depth: Annotated[int, Ge(1)] = 8
    """Blocks."""
    heads: Annotated[int, Ge(1)] = 3
    """Attention heads; the width must be a multiple of them."""
    mlp_ratio: Annotated[float, Gt(0)] = 4.0
    """Hidden features of the MLP over the width."""
    patch: Annotated[int, Ge(1)] = 1
    """Latent cells along a token's side: 2 for f8 autoencoders, 1 for f16 and above."""
    modulation: Literal["full", "low_rank", "shared"] = "low_rank"
    """AdaLN weights: a matrix per block and stream, a low-rank one, or one for all blocks plus a table per block."""
    modulation_rank: Annotated[int, Ge(1)] = 48
    """Rank of `low_rank` modulation."""
    rope: Rope = field(default_factory=lambda: Rope.find("scaled")())
    """Positions of the image tokens."""
    absolute: bool = False
    """Adds to image tokens where they stand, beside the rotary positions, which tell only distances."""
    text_positions: Annotated[int, Ge(1)] = 128
    """Longest text, in tokens: each position has a learned embedding (Seedream 2.0)."""

    guidance_embedding: bool = False
    """Whether the guidance scale is an input of the network; distill/student adds and trains it."""

    def __post_init__(self) -> None:
        if self.width % self.heads or (self.width // self.heads) % 4:
            raise ValueError(
                f"width {self.width} over heads {self.heads} must be a whole multiple of 4 (two axes, pairs)"
            )

    @property
    def hidden(self) -> int:
        return int(self.width * self.mlp_ratio)

    def build(self, *, channels: int, text_width: int) -> "nn.Module":
        from seedream_core.models.mmdit import Mmdit

        return Mmdit(self, channels=channels, text_width=text_width)

    def image_tokens(self, width: int, height: int, factor: int) -> int:
        """Tokens of a picture of that many pixels; ValueError names the nearest sizes that fit."""
        cell = factor * self.patch
        for name, pixels in (("width", width), ("height", height)):
            if pixels % cell or pixels < cell:
                lower = max(pixels // cell, 1) * cell
                raise ValueError(f"{name} {pixels} is not a multiple of {cell}; try {lower} or {lower + cell}")
        return (width // cell) * (height // cell)

    def flops(self, image_tokens: int, text_tokens: int, *, channels: int, text_width: int) -> int:
        """FLOPs of one forward pass for one picture: matrix products only, as `FlopCounterMode` counts them."""
        width, tokens = self.width, image_tokens + text_tokens
        stream = 2 * width * (4 * width + 2 * self.hidden)
        attention = 4 * tokens * tokens * width
        blocks = self.depth * (tokens * stream + attention)
        # The last block's text stream ends with its keys and values: no queries, no output, no MLP.
        blocks -= text_tokens * (2 * width * (2 * width + 2 * self.hidden) + 4 * tokens * width)
        cells = channels * self.patch**2
        edges = image_tokens * 4 * cells * width + text_tokens * 2 * text_width * width
        edges += self.absolute * image_tokens * 2 * POSITION_FEATURES * width
        condition = 2 * (TIME_FEATURES * width + 2 * width * width)
        condition += self.guidance_embedding * 2 * (TIME_FEATURES * width + width * width)
        return blocks + edges + condition + 2 * self._modulation_products() + 4 * width * width

    def _modulation_products(self) -> int:
        """Multiplications of the blocks' AdaLN matrices, for one picture."""
        outputs = 6 * self.width * (2 * self.depth - 1) + 2 * self.width
        if self.modulation == "full":
            return self.width * outputs
        if self.modulation == "low_rank":
            return self.modulation_rank * (outputs + 2 * self.depth * self.width)
        return 2 * self.width * 6 * self.width
