"""Our Qwen2 forward pass is transformers', and what it does not know it leaves to transformers."""

import json
import subprocess
import sys

import pytest
import torch
from transformers import Qwen2Config, Qwen2Model

from seedream_core.models.text import qwen2

SIZES = {
    "vocab_size": 50,
    "hidden_size": 24,
    "intermediate_size": 40,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "eos_token_id": 0,
    "bos_token_id": 0,
}


def folder(tmp_path, dtype=torch.float32, **changes):
    torch.manual_seed(0)
    model = Qwen2Model(Qwen2Config(**SIZES | changes)).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    model.to(dtype).save_pretrained(tmp_path)
    return model.float()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"num_key_value_heads": 4},
        {"rope_parameters": {"rope_theta": 1e6, "rope_type": "default"}},
        {"rms_norm_eps": 1e-3},
    ],
)
@torch.no_grad()
def test_the_same_features_as_transformers(tmp_path, changes):
    theirs, ours = folder(tmp_path, **changes), qwen2.read(tmp_path)
    ids = torch.randint(50, (3, 17))
    torch.testing.assert_close(
        ours(ids).last_hidden_state, theirs(input_ids=ids).last_hidden_state, rtol=1e-4, atol=1e-5
    )


@torch.no_grad()
def test_weights_kept_in_bf16_compute_in_f32(tmp_path):
    theirs, ours = folder(tmp_path, torch.bfloat16), qwen2.read(tmp_path)
    ids = torch.randint(50, (1, 5))
    assert ours(ids).last_hidden_state.dtype == torch.float32
    torch.testing.assert_close(
        ours(ids).last_hidden_state, theirs(input_ids=ids).last_hidden_state, rtol=1e-4, atol=1e-5
    )


@torch.no_grad()
def test_causal(tmp_path):
    folder(tmp_path)
    model, ids = qwen2.read(tmp_path), torch.randint(50, (1, 8))
    torch.testing.assert_close(
        model(ids).last_hidden_state[:, :5], model(ids[:, :5]).last_hidden_state, rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"model_type": "llama"},
        {"hidden_act": "gelu"},
        {"use_sliding_window": True},
        {"rope_parameters": {"rope_type": "yarn", "rope_theta": 1e4}},
        {"rope_scaling": {"factor": 2}},
        {"quantization_config": {}, "head_dim": 8},
        {"intermediate_size": 48},
    ],
)
def test_anything_else_is_left_to_transformers(tmp_path, changes):
    folder(tmp_path)
    config = tmp_path / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | changes))
    assert qwen2.read(tmp_path) is None


def test_a_picture_needs_no_transformers(tiny_generator):
    code = (
        "import sys; from pathlib import Path; from seedream_core.pipeline.sampler import Sampler\n"
        f"Sampler.load(Path({str(tiny_generator)!r})).images(['red'], [0], steps=1)\n"
        "assert not {'transformers', 'lightning', 'torchmetrics'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
