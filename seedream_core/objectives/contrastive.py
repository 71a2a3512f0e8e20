"""The objective of a dual encoder: symmetric InfoNCE between pictures and captions (CLIP, arXiv:2103.00020).

What may be true of a picture is no negative of it: a caption that its own sample has too, or that comes with the same
main caption, is left out of the sums. Batches are runs of similar captions (`data/loading/passes.py`): with random ones
only, hardly any negative would differ in a number or a relation alone.

The loss compares a whole global batch on one device: with a part of it on each device, the objective would depend on
the host. Where the host's micro batch is smaller, only embeddings are kept, and activations are computed again part by
part (gradient caching,
arXiv:2101.06983): the same loss and, up to rounding, the same gradient.
"""

from collections.abc import Callable
from dataclasses import replace

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from seedream_core.data.loading.twins import TwinBatch
from seedream_core.models.dual_encoder.towers import Towers
from seedream_core.models.text.tokenizer import tokenize
from seedream_core.training.objective import Objective
from seedream_core.workflow.host import Host, Train


class ContrastiveModule(Objective):
    """`at_once` is how many samples' activations the device holds; None for those of all."""

    def __init__(self, towers: Towers, tokenizer: Tokenizer, *, train: Train, at_once: int | None = None) -> None:
        super().__init__()
        self.towers, self.tokenizer, self.train_config, self.at_once = towers, tokenizer, train, at_once

    def training_step(self, batch: TwinBatch, index: int) -> dict:
        ids, mask = map(self.send, tokenize(self.tokenizer, batch.captions, self.towers.config.max_tokens))
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
