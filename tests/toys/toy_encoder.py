"""Dual encoders of random weights: one of ours, and a CLIP and a SigLIP in transformers' format, made from configs."""

import json
from pathlib import Path

import torch

from seedream_core.models.dual_encoder.calibration import Calibration
from seedream_core.models.dual_encoder.own import DualEncoder
from seedream_core.models.dual_encoder.towers import Towers
from seedream_core.models.dual_encoder.towers_config import TowersConfig
from seedream_core.models.text.tokenizer import train_tokenizer
from seedream_core.workflow import artifact

TEXTS = (
    "a red circle on a white background",
    "two blue stars",
    "a green heart above a cyan cross",
    "白色背景上有一个红色圆形",
    "两个蓝色五角星",
    "绿色心形在青色十字的上方",
)
TINY = TowersConfig(
    size=32, dim=16, widths=(8, 16), image_depth=1, parts=2, text_width=16, text_depth=1, heads=2, max_tokens=32
)


def make_encoder(folder: Path, calibration: Calibration = Calibration(TEXTS, 0.1, -0.1, 0.5)) -> Path:
    """A finished artifact of kind `dual_encoder`."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        tokenizer = train_tokenizer(TEXTS * 4, 320)
        towers = Towers(TINY, tokenizer.get_vocab_size())
        # Embeddings of random towers are all nearly the same: a bolder stem and bolder tokens tell pictures apart.
        towers.image.body[1].weight.data *= 20
        towers.text.tokens.weight.data *= 50
        DualEncoder(towers, tokenizer, calibration).save(folder / "network")
    artifact.finish(
        folder,
        kind="dual_encoder",
        stage="tests/tiny",
        fingerprint="tiny",
        inputs={},
        facts={"dim": 16},
        metrics={},
        seconds=0,
    )
    return folder


def make_outside(folder: Path, kind: str) -> Path:
    """A folder as `save_pretrained` leaves it, with a fast tokenizer and a preprocessor."""
    from transformers import CLIPConfig, CLIPModel, PreTrainedTokenizerFast, SiglipConfig, SiglipModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=train_tokenizer(TEXTS * 4, 320), eos_token="<|end|>", pad_token="<|end|>"
    )
    tokenizer.save_pretrained(folder)
    text = {
        "vocab_size": 320,
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "max_position_embeddings": 24,
        "eos_token_id": 0,
        "bos_token_id": 0,
        "pad_token_id": 0,
    }
    vision = {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": 32,
        "patch_size": 8,
    }
    with torch.random.fork_rng():
        torch.manual_seed(0)
        if kind == "clip":
            model = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=8))
        else:
            model = SiglipModel(SiglipConfig(text_config={**text, "projection_size": 16}, vision_config=vision))
        model.save_pretrained(folder)
    size = {"shortest_edge": 32} if kind == "clip" else {"height": 32, "width": 32}
    options = {
        "do_resize": True,
        "size": size,
        "resample": 3,
        "do_center_crop": kind == "clip",
        "crop_size": {"height": 32, "width": 32},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [0.5, 0.4, 0.3],
        "image_std": [0.2, 0.3, 0.4],
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(options))
    return folder
