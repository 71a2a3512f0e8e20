"""The objective of a dual encoder: symmetric InfoNCE between pictures and captions (CLIP, arXiv:2103.00020).

What may be true of a picture is no negative of it: a caption that its own sample has too, or that comes with the same
main caption, is left out of the sums. Batches are runs of similar captions (`data/loading/hard_negatives.py`): with
random ones only, hardly any negative would differ in a number or a relation alone.

A whole global batch is told apart on one device, or the objective would be another on every host. Where the host's
micro batch is smaller, activations are kept for the embeddings alone and made again part by part (gradient caching,
arXiv:2101.06983): the same loss and, up to rounding, the same gradient.

Weights draw without repeats: a pass over the data holds every sample at most once, those of the highest weight in every
pass and the others in as many as their weight is of it. So none is its own negative (our choice). A pass is never
shorter than a batch: where batches are large for the data, that evens the weights out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import FlopCounterMode

from seedream_core.data.loading.batches import Batches
from seedream_core.data.loading.caption_mix import CaptionMix
from seedream_core.data.loading.hard_negatives import SimilarOrder
from seedream_core.data.loading.negative_captions import every_caption, main_caption
from seedream_core.data.loading.weights import GOLDEN, REPEATS, capped
from seedream_core.errors import UserError
from seedream_core.models.dual_encoder.towers import Towers
from seedream_core.models.text.tokenizer import tokenize
from seedream_core.randomness import fraction
from seedream_core.records import Batch
from seedream_core.training.fit import Objective
from seedream_core.workflow.host import Host, Train


@dataclass(frozen=True, kw_only=True)
class PairBatch(Batch):
    twins: Tensor
    """B×B: caption `column` may be true of picture `row`, though it was written for another."""

    def to(self, device: Any, **options: Any) -> "PairBatch":
        return PairBatch(
            step=self.step,
            keys=self.keys,
            captions=self.captions,
            images=self.images.to(device, **options),
            twins=self.twins.to(device, **options),
        )


class ContrastiveModule(Objective):
    """`at_once` is how many samples' activations the device holds; None for those of all."""

    def __init__(self, towers: Towers, tokenizer: Tokenizer, *, train: Train, at_once: int | None = None) -> None:
        super().__init__()
        self.towers, self.tokenizer, self.train_config, self.at_once = towers, tokenizer, train, at_once

    def training_step(self, batch: PairBatch, index: int) -> dict:
        ids, mask = (
            part.to(self.device) for part in tokenize(self.tokenizer, batch.captions, self.towers.config.max_tokens)
        )
        pictures, texts = (
            self.parts(self.towers.embed_images, batch.images),
            self.parts(self.towers.embed_texts, ids, mask),
        )
        logits = self.towers.scale * pictures @ texts.T
        found = (logits.detach().argmax(1) == torch.arange(len(logits), device=logits.device)).float().mean()
        return {"loss": info_nce(logits, batch.twins), "figures": {"found": found, "scale": self.towers.scale}}

    def parts(self, embed: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
        """Embeddings of a whole batch, with the activations of a part at a time."""
        if self.at_once is None or len(inputs[0]) <= self.at_once:
            return embed(*inputs)
        split = zip(*(part.split(self.at_once) for part in inputs))
        return torch.cat([checkpoint(embed, *part, use_reentrant=False, preserve_rng_state=False) for part in split])


def alone(host: Host) -> Host:
    """One device of the host, where a global batch stays whole."""
    return replace(host, devices=1, nodes=1, strategy="auto", micro_batch=None)


def info_nce(logits: Tensor, twins: Tensor) -> Tensor:
    """Cross entropy of each row and of each column towards the diagonal, twins left out."""
    logits = logits.masked_fill(twins, -torch.inf)
    own = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2


class Passes:
    """Which samples each pass over the data takes, by systematic sampling (as in `data/loading/weights.py`), in runs of
    similar ones.
    """

    def __init__(
        self, texts: Sequence[str], words: Sequence[Sequence[int]], weights: np.ndarray, group: int, global_batch: int
    ) -> None:
        self.texts, self.words, self.group = texts, words, group
        asked = capped(weights)
        if (count := np.count_nonzero(asked)) < 2:
            raise UserError(
                f"weights: only {count} of {len(texts)} samples to learn from has one above 0, and a caption is told "
                "from others",
                "give more of them a weight: data/balance does",
            )
        # Taken more often than there are batches, a sample would have to meet itself.
        expected = capped(weights, min(REPEATS, max(1, len(texts) / global_batch)))
        self.warning = _evened(asked, expected, global_batch)
        self.size = int(len(texts) / expected.max() + 1e-6)
        self.ends, self.last = np.cumsum(expected) * (self.size / len(texts)), np.flatnonzero(expected)[-1]
        self._kept: tuple[tuple[int, int], Tensor] | None = None

    def order(self, seed: int, epoch: int, count: int) -> Tensor:
        """The samples of a pass, as batches ask for them; the last pass is remembered."""
        if self._kept is None or self._kept[0] != (seed, epoch):
            self._kept = (seed, epoch), self._order(seed, epoch)
        return self._kept[1]

    def _order(self, seed: int, epoch: int) -> Tensor:
        comb = np.arange(self.size) + (fraction(seed, "slots", 0, "slots") + epoch * GOLDEN) % 1.0
        taken = np.searchsorted(self.ends, comb, side="right").clip(max=self.last)
        # Runs are of the samples that are taken: those of all, thinned out, would no longer be alike.
        similar = SimilarOrder([self.texts[row] for row in taken], [self.words[row] for row in taken], self.group)
        return torch.from_numpy(taken)[similar.order(seed, epoch, self.size)]


def _evened(asked: np.ndarray, expected: np.ndarray, global_batch: int) -> str:
    """What to tell where batches are too large for the weights; "" where they are not."""
    wanted, found = (float(weights[weights > 0].min() / weights.max()) for weights in (asked, expected))
    if found <= wanted * (1 + 1e-9):  # what sharing out rounds
        return ""
    fits = int(len(asked) / asked.max())
    return (
        f"weights: {len(asked)} samples in batches of {global_batch} leave them too little room: the lightest are "
        f"taken in {found:.2g} of the "
        f"passes, where their weight asks for {wanted:.2g}"
        + f"; with a train.global_batch of at most {fits} it counts as it is"
        * (fits > 1)
    )


class PairBatches(Batches):
    """Squares with captions in runs of `group` similar ones; `told` holds the captions of each sample by key.

    An epoch is a pass of `__len__` samples, each at most once: all of them where weights are equal, and none of weight
    0. A batch across two passes may hold one sample twice, and then neither is the other's negative.
    """

    def __init__(
        self,
        data: Path,
        told: Mapping[str, Mapping],
        tokenizer: Tokenizer,
        *,
        train: Train,
        captions: CaptionMix,
        host: Host,
        side: int,
        group: int,
        only: Sequence[int],
    ) -> None:
        super().__init__(data, kind="images", train=train, captions=captions, host=host, only=only, side=side)
        self.texts = {key: frozenset(every_caption(languages)) for key, languages in told.items()}
        self.main = {key: main_caption(languages) for key, languages in told.items()}
        mine = [self.main[self.store.keys[row]] for row in self.store.rows]
        words = [encoding.ids for encoding in tokenizer.encode_batch(mine, add_special_tokens=False)]
        weights = np.ones(len(mine)) if self.weighted is None else self.weighted.expected
        self.passes = Passes(mine, words, weights, group, train.global_batch)
        self.order, self.weighted = self.passes.order, None

    def __len__(self) -> int:
        return self.passes.size

    def batch(self, step: int, rank: int = 0, ranks: int = 1, part: int = 0, parts: int = 1) -> PairBatch:
        plain = super().batch(step, rank, ranks, part, parts)
        return PairBatch(**vars(plain) | {"twins": self.twins(plain.keys, plain.captions)})

    def twins(self, keys: Sequence[str], captions: Sequence[str]) -> Tensor:
        rows = [
            [
                row != column and (caption in self.texts[one] or self.main[one] == self.main[other])
                for column, (other, caption) in enumerate(zip(keys, captions))
            ]
            for row, one in enumerate(keys)
        ]
        return torch.tensor(rows)


def forward_flops(towers: Towers) -> int:
    """FLOPs of one picture through its tower; captions are a small part."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        towers.image(torch.zeros(1, 3, towers.config.size, towers.config.size))
    return counter.get_total_flops()
