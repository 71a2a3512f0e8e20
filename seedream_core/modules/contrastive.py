"""The objective of a dual encoder: symmetric InfoNCE between pictures and captions (CLIP, arXiv:2103.00020).

What may be true of a picture is no negative of it: a caption that its own sample has too, or that comes with the same
main caption, is left out of the sums. Batches are runs of similar captions (`data/similar.py`): with random ones
only, hardly any negative would differ in a number or a relation alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from seedream_core.data.batches import Batches
from seedream_core.data.captions import CaptionMix
from seedream_core.data.pairing import every_caption, main_caption
from seedream_core.data.similar import Similar
from seedream_core.data.tokens import tokenize
from seedream_core.host import Host, Train
from seedream_core.models.towers import Towers
from seedream_core.modules.fit import Objective
from seedream_core.records import Batch


@dataclass(frozen=True, kw_only=True)
class PairBatch(Batch):
    twins: Tensor
    """B×B: caption `column` may be true of picture `row`, though it was written for another."""

    def to(self, device: Any, **options: Any) -> "PairBatch":
        return PairBatch(step=self.step, keys=self.keys, captions=self.captions,
                         images=self.images.to(device, **options), twins=self.twins.to(device, **options))


class ContrastiveModule(Objective):
    def __init__(self, towers: Towers, tokenizer: Tokenizer, *, train: Train) -> None:
        super().__init__()
        self.towers, self.tokenizer, self.train_config = towers, tokenizer, train

    def training_step(self, batch: PairBatch, index: int) -> dict:
        ids, mask = (part.to(self.device) for part in tokenize(self.tokenizer, batch.captions, self.towers.config.max_tokens))
        pictures, texts = self.towers.embed_images(batch.images), self.towers.embed_texts(ids, mask)
        logits = self.towers.scale * pictures @ texts.T
        found = (logits.detach().argmax(1) == torch.arange(len(logits), device=logits.device)).float().mean()
        return {"loss": info_nce(logits, batch.twins), "figures": {"found": found, "scale": self.towers.scale}}


def info_nce(logits: Tensor, twins: Tensor) -> Tensor:
    """Cross entropy of each row and of each column towards the diagonal, twins left out."""
    logits = logits.masked_fill(twins, -torch.inf)
    own = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2


class PairBatches(Batches):
    """Squares with captions in runs of `group` similar ones; `told` holds the captions of each sample by key."""

    def __init__(self, data: Path, told: Mapping[str, Mapping], tokenizer: Tokenizer, *, train: Train, captions: CaptionMix,
                 host: Host, side: int, group: int, only: Sequence[int]) -> None:
        super().__init__(data, kind="images", train=train, captions=captions, host=host, only=only, side=side)
        self.texts = {key: frozenset(every_caption(languages)) for key, languages in told.items()}
        self.main = {key: main_caption(languages) for key, languages in told.items()}
        mine = [self.main[self.store.keys[row]] for row in self.store.rows]
        words = (encoding.ids for encoding in tokenizer.encode_batch(mine, add_special_tokens=False))
        # Runs of similar samples hold for those samples, not for whoever has their places: weights do not count here.
        self.order, self.weighted = Similar(mine, words, group).order, None

    def batch(self, step: int, rank: int = 0, ranks: int = 1, part: int = 0, parts: int = 1) -> PairBatch:
        plain = super().batch(step, rank, ranks, part, parts)
        return PairBatch(**vars(plain) | {"twins": self.twins(plain.keys, plain.captions)})

    def twins(self, keys: Sequence[str], captions: Sequence[str]) -> Tensor:
        rows = [[one != other and (caption in self.texts[one] or self.main[one] == self.main[other])
                 for other, caption in zip(keys, captions)] for one in keys]
        return torch.tensor(rows)


def forward_flops(towers: Towers) -> int:
    """FLOPs of one picture through its tower; captions are a small part."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        towers.image(torch.zeros(1, 3, towers.config.size, towers.config.size))
    return counter.get_total_flops()
