"""Next-token loss over captions: equal however the batch is cut, and perplexities that add up."""

import math

import pytest
import torch
import toy_training as toy
from transformers import Qwen2Config, Qwen2ForCausalLM

from seedream_core.models.text.llm import LlmEncoder
from seedream_core.models.text.tokenizer import train_tokenizer
from seedream_core.objectives.language import LanguageModule, perplexity, unigram_perplexity
from seedream_core.records import Batch

TEXTS = ["a red circle", "a blue star on white", "白色背景上有一个红色圆形", "two stars"] * 4


@pytest.fixture(scope="module")
def module():
    torch.manual_seed(0)
    tokenizer = train_tokenizer(TEXTS, 320)
    model = Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=tokenizer.get_vocab_size(),
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            num_key_value_heads=2,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=0,
        )
    )
    module = LanguageModule(model, LlmEncoder(model.model, tokenizer, 0), train=toy.config(), tokens_per_text=6.0)
    return module, LlmEncoder(model.model, tokenizer, 0)


def loss(module: LanguageModule, texts: list[str]) -> torch.Tensor:
    return module.training_step(Batch(step=0, keys=texts, captions=texts), 0)["loss"]


def test_parts_of_a_batch_add_up_to_it(module):
    whole = loss(module[0], TEXTS)
    parts = [loss(module[0], TEXTS[first : first + 2]) for first in range(0, len(TEXTS), 2)]
    torch.testing.assert_close(torch.stack(parts).mean(), whole)


def test_surprise_equals_transformers_own_loss(module):
    for text in TEXTS[:4]:
        ids, _ = module[1].tokenize([text])
        torch.testing.assert_close(module[0].surprise([text]).mean(), module[0].model(input_ids=ids, labels=ids).loss)


def test_perplexities(module):
    with torch.no_grad():
        nats = torch.cat([module[0].surprise([text]) for text in TEXTS])
    assert perplexity(module[0], TEXTS, batch=3) == pytest.approx(float(nats.double().mean().exp()), rel=1e-5)
    counts = torch.ones(module[1].tokenizer.get_vocab_size())
    followers = torch.cat([module[1].tokenize([text])[0][0, 1:] for text in TEXTS])
    for token in followers:
        counts[token] += 1
    expected = math.exp(-(counts / counts.sum()).log()[followers].double().mean())
    assert unigram_perplexity(module[1], TEXTS, TEXTS) == pytest.approx(expected, rel=1e-5)
