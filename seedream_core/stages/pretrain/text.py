"""Trains a generator's text encoder: a small bilingual language model with a byte-level BPE, trained on captions."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Ge

from seedream_core.errors import DataError
from seedream_core.workflow import stage
from seedream_core.workflow.host import Host, Train

if TYPE_CHECKING:
    from transformers import Qwen2Config

UNSEEN = 0.02
PLANNED_TEXT_TOKENS = 32
MEASURED = 2000


@dataclass(frozen=True, kw_only=True)
class TextStage(stage.Stage):
    makes: ClassVar[str] = "text_encoder"
    distributed: ClassVar[bool] = True
    renamed: ClassVar[Mapping[str, str]] = {"texts": "max_texts"}
    data: stage.Shards
    "samples whose captions are used, in all languages and fields"
    vocabulary: Annotated[int, Ge(300)] = 1024
    "largest number of tokens in the vocabulary, 256 of them bytes"
    width: Annotated[int, Ge(8)] = 128
    "features per token"
    depth: Annotated[int, Ge(1)] = 3
    "layers"
    heads: Annotated[int, Ge(1)] = 4
    "attention heads; the width must be a multiple of them"
    max_tokens: Annotated[int, Ge(8)] = 64
    "longest caption in tokens; longer ones are cut"
    layers: tuple[int, ...] = (0, -2)
    "hidden states that are concatenated into a feature: 0 is the embedding, -1 the last layer's"
    whiten: bool = True
    "decorrelate the features; without it, words with similar continuations have nearly equal features"
    max_texts: Annotated[int, Ge(100)] = 200_000
    "largest number of different captions to read, and as many translations"
    train: Train
    "schedule and optimiser"

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of {self.heads} heads")
        if not self.layers or not all(-self.depth - 1 <= layer <= self.depth for layer in self.layers):
            raise ValueError(f"layers: {list(self.layers)} must be some of {-self.depth - 1} to {self.depth}")

    @property
    def hidden(self) -> int:
        """SwiGLU's usual 8/3 of the width, rounded to a multiple of 8."""
        return -(-self.width // 3) * 8

    def facts(self, inputs: Mapping[str, Any]) -> dict:
        layer = 4 * self.width**2 + 3 * self.width + 3 * self.width * self.hidden + 2 * self.width
        parameters = self.vocabulary * self.width + self.depth * layer + self.width
        texts = self.train.steps * self.train.global_batch
        return {
            "width": self.width * len(self.layers),
            "max_tokens": self.max_tokens,
            "vocabulary": self.vocabulary,
            "parameters": parameters,
            "images": texts,
            "flops": 6 * parameters * PLANNED_TEXT_TOKENS * texts,
        }

    def expected_seconds(self, inputs: Mapping[str, Any], host: Host) -> float:
        import torch
        from transformers import Qwen2ForCausalLM

        from seedream_core.training import rehearsal

        device = host.device()
        model = Qwen2ForCausalLM(self.config(self.vocabulary, 0)).to(device)

        def loss(rows: int) -> torch.Tensor:
            ids = torch.randint(self.vocabulary, (rows, PLANNED_TEXT_TOKENS), device=device)
            return model(input_ids=ids, labels=ids).loss

        one = rehearsal.seconds_to_learn(model, loss, self.train, host)
        return self.train.steps * self.train.global_batch * one

    def config(self, vocabulary: int, end: int) -> "Qwen2Config":
        """The language model's; `end` is the id of the token that ends a text."""
        from transformers import Qwen2Config

        return Qwen2Config(
            vocab_size=vocabulary,
            hidden_size=self.width,
            intermediate_size=self.hidden,
            num_hidden_layers=self.depth,
            num_attention_heads=self.heads,
            num_key_value_heads=self.heads,
            max_position_embeddings=self.max_tokens,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=end,
        )

    def run(self, out: Path, host: Host) -> dict:
        import torch
        from transformers import Qwen2ForCausalLM

        from seedream_core.data.loading.batches import text_batches
        from seedream_core.data.loading.texts import distinct, translations
        from seedream_core.models.text.llm import LlmEncoder
        from seedream_core.models.text.tokenizer import END, train_tokenizer
        from seedream_core.objectives.language import LanguageModule, perplexity, unigram_perplexity
        from seedream_core.training.fit import fit

        seen, unseen = split(distinct(self.data, self.max_texts))
        tokenizer = train_tokenizer(seen, self.vocabulary)
        end = tokenizer.token_to_id(END)
        torch.manual_seed(self.train.seed)  # the only use of a global generator: initial weights, before any step
        model = Qwen2ForCausalLM(self.config(tokenizer.get_vocab_size(), end))
        encoder = LlmEncoder(model.model, tokenizer, end, self.max_tokens, self.layers)
        learned = seen + documents(translations(self.data, self.max_texts), set(unseen))
        lengths = encoder.tokenize(learned[:: -(-len(learned) // MEASURED)])[1].sum(1).double()
        module = LanguageModule(model, encoder, train=self.train, tokens_per_text=float(lengths.mean()) - 1)
        module.flops_per_image = 2 * sum(p.numel() for p in model.parameters()) * float(lengths.mean())
        fitted = fit(module, text_batches(learned, train=self.train, host=host), self.train, host, out)
        encoder.model.to(
            torch.bfloat16
        ).float()  # rounded as stored, so that the figures are those of the saved weights
        if self.whiten:
            encoder.whiten(seen[:MEASURED])
        encoder.model.to(torch.bfloat16)
        encoder.save(out / "network")
        encoder.model.float()
        parameters = sum(p.numel() for p in encoder.parameters())
        return {
            **fitted.metrics(),
            "perplexity": perplexity(module, unseen[:MEASURED]),
            "perplexity_unigram": unigram_perplexity(encoder, seen[:MEASURED], unseen[:MEASURED]),
            "tokens_per_text": round(float(lengths.mean()), 2),
            "captions": len(seen),
            "translations": len(learned) - len(seen),
            "facts": {
                "vocabulary": tokenizer.get_vocab_size(),
                "parameters": parameters,
                "flops": 3 * module.flops_per_image * self.train.steps * self.train.global_batch,
            },
        }


def documents(pairs: list[tuple[str, str]], kept_back: set[str]) -> list[str]:
    """A caption and its translation as one text; to predict the translation, states must hold the meaning of each
    word.
    """
    return ["\n".join(pair) for pair in pairs if kept_back.isdisjoint(pair)]


def split(texts: list[str]) -> tuple[list[str], list[str]]:
    """Training captions, and those kept back for evaluation."""
    from seedream_core.randomness import fraction

    unseen = [text for text in texts if fraction(0, text, 0, "kept back") < UNSEEN]
    kept_back = set(unseen)
    seen = [text for text in texts if text not in kept_back]
    if not seen or not unseen:
        raise DataError(f"{len(texts)} different captions are too few to learn a language from", "make more samples")
    return seen, unseen
