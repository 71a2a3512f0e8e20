"""The shape of a dual encoder's towers. Imports nothing heavy: recipes are read without torch."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, MinLen

from seedream_core.workflow.config import Config

GROUP = 8
"""Groups into which the norms of convolutions split their features."""


@dataclass(frozen=True, kw_only=True)
class TowersConfig(Config):
    size: Annotated[int, Ge(16)] = 64
    "side in pixels of the squares to which pictures are resized"
    dim: Annotated[int, Ge(8)] = 128
    "length of an embedding"
    stem: Annotated[int, Ge(1)] = 4
    "pixels along a side that become channels before the first convolution"
    widths: Annotated[tuple[int, ...], MinLen(1)] = (64, 128)
    "features at each resolution of the image tower, from fine to coarse"
    image_depth: Annotated[int, Ge(0)] = 1
    "transformer blocks over the cells of the coarsest resolution"
    parts: Annotated[int, Ge(1)] = 4
    "cells are averaged in parts x parts areas, so that the embedding keeps places; 1 averages all"
    text_width: Annotated[int, Ge(8)] = 128
    "features of the text tower"
    text_depth: Annotated[int, Ge(1)] = 2
    "transformer blocks of the text tower"
    heads: Annotated[int, Ge(1)] = 4
    "attention heads of both towers"
    max_tokens: Annotated[int, Ge(8)] = 64
    "longest caption in tokens; longer ones are cut"

    def __post_init__(self) -> None:
        if self.size % self.factor:
            raise ValueError(f"size {self.size} is not a multiple of {self.factor}, which stem and widths give")
        for width in self.widths:
            if width % GROUP:
                raise ValueError(f"width {width} is not a multiple of {GROUP}")
        if self.size // self.factor % self.parts:
            raise ValueError(f"parts {self.parts}: {self.size // self.factor} cells along a side do not divide by it")
        for name, width in (("the last of widths", self.widths[-1]), ("text_width", self.text_width)):
            if width % self.heads:
                raise ValueError(f"{name}, {width}, is not a multiple of {self.heads} heads")

    @property
    def factor(self) -> int:
        """Pixels along the side of a cell of the coarsest resolution."""
        return self.stem * 2 ** (len(self.widths) - 1)
