"""Store of pictures with captions for contrastive training; marks captions that are true of several pictures of a
batch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seedream_core.data.loading.negative_captions import every_caption, main_caption
from seedream_core.data.loading.stores import PictureStore
from seedream_core.records import Batch


@dataclass(frozen=True, kw_only=True)
class TwinBatch(Batch):
    twins: Tensor
    """B×B: whether caption `column` may also be true of picture `row`, although it was written for another picture."""


class TwinStore(PictureStore):
    """`captions_by_key` holds the captions of each sample."""

    def __init__(self, data: Path, captions_by_key: Mapping[str, Mapping], **options: Any) -> None:
        super().__init__(data, **options)
        self.texts = {key: frozenset(every_caption(languages)) for key, languages in captions_by_key.items()}
        self.main = {key: main_caption(languages) for key, languages in captions_by_key.items()}

    def main_captions(self) -> list[str]:
        """The main caption of every row."""
        return [self.main[self.keys[position]] for position in self.rows]

    def batch(self, rows: Sequence[int], step: int) -> TwinBatch:
        plain = super().batch(rows, step)
        return TwinBatch(**vars(plain), twins=self.twins(plain.keys, plain.captions))

    def twins(self, keys: Sequence[str], captions: Sequence[str]) -> Tensor:
        rows = [
            [
                row != column and (caption in self.texts[one] or self.main[one] == self.main[other])
                for column, (other, caption) in enumerate(zip(keys, captions))
            ]
            for row, one in enumerate(keys)
        ]
        return torch.tensor(rows)
