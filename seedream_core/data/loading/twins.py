"""Store of pictures with captions for contrastive training; marks captions that are true of several pictures of a
batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seedream_core.data.loading.negative_captions import every_caption, main_caption
from seedream_core.data.loading.stores import Captions, Kept, PictureStore
from seedream_core.records import Batch


@dataclass(frozen=True, kw_only=True)
class TwinBatch(Batch):
    twins: Tensor
    """B×B: whether caption `column` may also be true of picture `row`, although it was written for another picture."""


class TwinStore(PictureStore):
    """Pictures with captions; which captions are twins is decided by the records of the batch."""

    def collect(self, keys: list[str], samples: list[Kept], step: int) -> TwinBatch:
        plain = super().collect(keys, samples, step)
        return TwinBatch(**vars(plain), twins=twins([languages for _, languages, _ in samples], plain.captions))


def twins(languages: Sequence[Captions], captions: Sequence[str]) -> Tensor:
    """Whether each picture has the caption chosen for another one, or the same main caption as that one."""
    texts, main = [set(every_caption(own)) for own in languages], [main_caption(own) for own in languages]
    rows = [
        [
            row != column and (caption in texts[row] or main[row] == main[column])
            for column, caption in enumerate(captions)
        ]
        for row in range(len(captions))
    ]
    return torch.tensor(rows)
