import json

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import Qwen2Config, Qwen2Model

from seedream_core.errors import DataError
from seedream_core.models.text.feature_cache import FeatureCache
from seedream_core.models.text.llm import FrozenFeatures, LlmEncoder, check_folder


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={"<end>": 0} | {byte: i + 1 for i, byte in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    config = Qwen2Config(
        vocab_size=257,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        eos_token_id=0,
    )
    return LlmEncoder(Qwen2Model(config).eval(), tokenizer, end_token=0)


def test_texts_are_padded_on_the_right_and_closed(encoder):
    ids, mask = encoder.tokenize(["ab", "", "猫"])
    assert mask.sum(1).tolist() == [3, 1, 4]  # a Chinese character is three bytes
    assert ids[1].tolist() == [0, 0, 0, 0]
    assert ids[0, 2] == 0


def test_features_do_not_depend_on_padding_or_neighbours(encoder):
    ids, mask = encoder.tokenize(["ab", "a long neighbour"])
    features = encoder(ids, mask)
    alone = encoder(*encoder.tokenize(["ab"]))
    assert features.shape == (2, 17, encoder.width)
    torch.testing.assert_close(features[0, :3], alone[0])
    assert not features[0, 3:].any()


def test_a_long_text_is_cut_but_still_closed(encoder):
    encoder.max_tokens = 5
    ids, mask = encoder.tokenize(["abcdefgh"])
    assert mask.sum() == 5 and ids[0, -1] == 0


def test_saved_and_loaded_it_is_the_same(encoder, tmp_path):
    encoder.save(tmp_path / "text")
    loaded = LlmEncoder.load(tmp_path / "text")
    batch = encoder.tokenize(["白色背景", "a star"])
    torch.testing.assert_close(loaded(*loaded.tokenize(["白色背景", "a star"])), encoder(*batch))


def test_layers_and_whitening_are_saved_too(encoder, tmp_path):
    encoder.layers = (0, -1)
    encoder.whiten([f"{number} stars on a {word}" for number in range(30) for word in ("wall", "背景")])
    ids, mask = encoder.tokenize(["白色背景", "a star"])
    assert encoder(ids, mask).shape[2] == encoder.width == 32
    encoder.save(tmp_path / "text")
    for sampling in (False, True):
        torch.testing.assert_close(LlmEncoder.load(tmp_path / "text", sampling=sampling)(ids, mask), encoder(ids, mask))
    (tmp_path / "text" / "encoder.json").write_text('{"end_token": 0, "max_tokens": 128, "layers": "all"}')
    with pytest.raises(DataError, match="encoder.json"):
        LlmEncoder.load(tmp_path / "text")


def test_tuning_leaves_out_what_no_feature_depends_on(encoder):
    for layers, frozen in (((-1,), ()), ((0, -2), ("layers.1.", "norm.")), ((0,), ("layers.0.", "layers.1.", "norm."))):
        encoder.layers = layers
        still = {name for name, p in encoder.tune().model.named_parameters() if not p.requires_grad}
        assert still == {name for name, _ in encoder.model.named_parameters() if frozen and name.startswith(frozen)}


@pytest.mark.parametrize("layers", [(-1,), (0,), (1, -1), (2, 0, -2)])
def test_the_layers_that_are_read_are_transformers_hidden_states(encoder, layers):
    encoder.layers = layers
    ids, mask = encoder.tokenize(["ab", "a long neighbour"])
    states = encoder.model(input_ids=ids, output_hidden_states=True).hidden_states
    expected = torch.cat([states[layer] for layer in layers], -1) * mask[:, :, None]
    assert torch.equal(encoder(ids, mask), expected)
    assert not any(part._forward_pre_hooks for part in encoder.model.modules())


def test_features_come_back_from_disk_to_the_same_bits(encoder, tmp_path, monkeypatch):
    captions = ["ab", "", "a long caption", "猫"]
    first = FrozenFeatures(encoder)
    first.keep_on_disk(FeatureCache(tmp_path, "digest"))
    features, mask = first(captions)
    assert all(map(torch.equal, FrozenFeatures(encoder)(captions), (features, mask)))
    first.disk.flush()
    again = FrozenFeatures(encoder)
    again.keep_on_disk(FeatureCache(tmp_path, "digest"))
    monkeypatch.setattr(again, "_compute", lambda *_: pytest.fail("computed again"))
    assert all(map(torch.equal, again(captions), (features, mask)))
    again.limit = 0
    again(captions)
    assert not again.kept and torch.equal(again(captions)[0], features)


def test_a_folder_that_brings_code_is_refused(encoder, tmp_path):
    encoder.save(tmp_path)
    page = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(page | {"auto_map": {"AutoModel": "evil.Model"}}))
    with pytest.raises(DataError, match="auto_map"):
        LlmEncoder.load(tmp_path)
    with pytest.raises(DataError, match="no config.json"):
        check_folder(tmp_path / "nowhere")


def test_frozen_features_are_computed_once_and_bounded(encoder, monkeypatch):
    frozen = FrozenFeatures(encoder)
    features, _mask = frozen(["ab", "", "ab"])
    torch.testing.assert_close(features[:1, :3], encoder(*encoder.tokenize(["ab"])), atol=0.02, rtol=0.02)
    torch.testing.assert_close(features[0], features[2])
    monkeypatch.setattr(frozen, "_compute", lambda captions: pytest.fail("computed again"))
    frozen(["", "ab"])
    monkeypatch.undo()
    frozen.limit = 100
    frozen(["abc", "d"])
    assert frozen.size <= 100
    assert frozen(["ab"])[1].sum() == 3
