"""The objective of a small language model: the next token of captions in every language and field."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seedream_core.models.text.llm import LlmEncoder
from seedream_core.records import Batch
from seedream_core.training.objective import Objective
from seedream_core.workflow.host import Train


class LanguageModule(Objective):
    """`model` is a causal LM; `encoder` is the same weights without the head, which is what is kept."""

    def __init__(self, model: nn.Module, encoder: LlmEncoder, *, train: Train, tokens_per_text: float) -> None:
        super().__init__()
        self.model, self.train_config, self.tokens_per_text = model, train, tokens_per_text
        self._tokenize = encoder.tokenize

    def training_step(self, batch: Batch, index: int) -> dict:
        # Over the usual length, not this batch's: parts of a step then add up to the step, however it is cut.
        return {"loss": self.surprise(batch.captions).sum() / (len(batch.captions) * self.tokens_per_text)}

    def surprise(self, texts: list[str]) -> Tensor:
        """Nats of every token but each text's first: one flat vector."""
        ids, mask = map(self.send, self._tokenize(texts))
        logits = self.model(input_ids=ids, use_cache=False).logits[:, :-1]
        followed = mask[:, 1:]
        return F.cross_entropy(logits[followed].float(), ids[:, 1:][followed], reduction="none")


@torch.no_grad()
def perplexity(module: LanguageModule, texts: Sequence[str], batch: int = 256) -> float:
    """Per token, over texts the model has not seen."""
    nats = [module.surprise(list(texts[first : first + batch])) for first in range(0, len(texts), batch)]
    return float(torch.cat(nats).double().mean().exp())


def unigram_perplexity(encoder: LlmEncoder, seen: Sequence[str], unseen: Sequence[str]) -> float:
    """The baseline: each token by its own frequency (add-one), on the same tokens."""
    counts = torch.ones(encoder.tokenizer.get_vocab_size(), dtype=torch.double)
    ids, mask = encoder.tokenize(list(seen))
    counts += torch.bincount(ids[:, 1:][mask[:, 1:]], minlength=len(counts))
    nats = -(counts / counts.sum()).log()
    ids, mask = encoder.tokenize(list(unseen))
    return float(nats[ids[:, 1:][mask[:, 1:]]].mean().exp())
