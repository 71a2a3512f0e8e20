"""Models of others are loaded whole or not at all, each mistake one message; a process among many takes one thread."""

import multiprocessing
import shutil
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
import torch

from seedream_core.errors import UserError
from seedream_core.models.hf_models import load


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    from transformers import ViTConfig, ViTForImageClassification
    from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

    path = tmp_path_factory.mktemp("classifier")
    ViTForImageClassification(
        ViTConfig(
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=32,
            image_size=32,
            patch_size=16,
            num_labels=3,
        )
    ).save_pretrained(path)
    ViTImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(path)
    return path


def test_it_looks_at_pictures_of_any_size(folder):
    outside = load(str(folder), "ImageClassification", "scorer x")
    assert outside([np.zeros((40, 30, 3), np.uint8), np.zeros((9, 80, 3), np.uint8)]).logits.shape == (2, 3)
    assert outside.resized(torch.zeros(2, 4, 4), np.zeros((9, 80, 3), np.uint8)).shape == (2, 9, 80)


@pytest.mark.parametrize(
    "spoil, message",
    [
        (lambda path: (path / "config.json").unlink(), r"not a model folder \(no config.json\)"),
        (lambda path: (path / "config.json").write_text("{"), "cannot be loaded: "),
        (lambda path: (path / "model.safetensors").unlink(), "cannot be loaded: "),
        (
            lambda path: (path / "model.safetensors").write_bytes((path / "model.safetensors").read_bytes()[:1000]),
            "cannot be loaded: ",
        ),
    ],
)
def test_mistakes_are_one_message(folder, tmp_path, spoil, message):
    shutil.copytree(folder, tmp_path / "model")
    spoil(tmp_path / "model")
    with pytest.raises(UserError, match=f"scorer x: .*model.*{message}"):
        load(str(tmp_path / "model"), "ImageClassification", "scorer x")
    with pytest.raises(UserError, match="scorer x needs a model"):
        load(None, "ImageClassification", "scorer x")


def test_weights_that_are_missing_are_not_made_up(folder, tmp_path):
    from safetensors.torch import load_file, save_file

    shutil.copytree(folder, tmp_path / "model")
    weights = tmp_path / "model" / "model.safetensors"
    save_file(
        {name: tensor for name, tensor in load_file(weights).items() if not name.startswith("classifier")},
        weights,
        {"format": "pt"},
    )
    with pytest.raises(UserError, match="lacks 2 weights of ViTForImageClassification, such as classifier.bias"):
        load(str(tmp_path / "model"), "ImageClassification", "scorer x")


def test_one_process_of_many_takes_one_thread(folder):
    before = torch.get_num_threads()
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("forkserver")) as pool:
        assert pool.submit(threads, str(folder)).result() == 1
    load(str(folder), "ImageClassification", "scorer x")
    assert torch.get_num_threads() == before


def threads(path: str) -> int:
    torch.set_num_threads(2)
    load(path, "ImageClassification", "scorer x")
    return torch.get_num_threads()
