"""pretrain/text: a language model that knows more than word frequencies, loadable as a text encoder."""

import pytest
import torch
import toy_training as toy

from seedream_core.errors import DataError
from seedream_core.models.text.llm import LlmEncoder
from seedream_core.stages.data.synthetic import SyntheticStage
from seedream_core.stages.pretrain.text import TextStage, documents, split
from seedream_core.workflow import execute


def test_learns_captions_and_becomes_a_text_encoder(tmp_path):
    execute.step(SyntheticStage(samples=150, size=(16, 16)), tmp_path / "crawl", toy.host(), say=lambda line: None)
    text = TextStage(
        data=tmp_path / "crawl",
        width=32,
        depth=1,
        heads=2,
        vocabulary=512,
        train=toy.config(steps=60, global_batch=16, log_every=20, warmup=5),
    )
    manifest = execute.step(text, tmp_path / "text", toy.host(), say=lambda line: None)
    planned = text.facts({})
    assert manifest.facts["vocabulary"] <= 512
    assert manifest.facts["parameters"] == planned["parameters"] - (512 - manifest.facts["vocabulary"]) * 32
    assert manifest.metrics["perplexity"] < 0.7 * manifest.metrics["perplexity_unigram"]
    assert manifest.metrics["tokens_per_text"] < 40 and manifest.metrics["translations"] > 500
    encoder = LlmEncoder.load(tmp_path / "text" / "network")
    assert (encoder.width, encoder.max_tokens, encoder.layers) == (planned["width"], 64, (0, -2))
    features = encoder(*encoder.tokenize(["红色圆形", ""]))
    assert features.shape[2] == 64 and bool(features.isfinite().all())
    assert all(torch.equal(p, p.bfloat16().float()) for p in encoder.parameters())


def test_no_caption_is_both_learned_and_judged():
    texts = [f"caption {i}" for i in range(2000)]
    seen, unseen = split(texts)
    assert sorted(seen + unseen) == sorted(texts) and 10 < len(unseen) < 100
    with pytest.raises(DataError, match="too few"):
        split(["one"])


def test_a_translation_of_what_is_kept_back_is_kept_back():
    pairs = [("a star", "星"), ("星", "a star"), ("a cross", "十字")]
    assert documents(pairs, {"星"}) == ["a cross\n十字"]


def test_layers_the_model_has_not_are_refused():
    with pytest.raises(ValueError, match="layers"):
        TextStage(data="crawl", depth=2, layers=(0, 3), train=toy.config())
