"""A small random classifier, saved and loaded as a real one: its unsafe classes are added up, and its errors are
reported.
"""

import multiprocessing
import shutil
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
import torch

from seedream_core.data.curation.filters.unsafe import UnsafeFilter as Judge
from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.curation.scorers.unsafe import UnsafeScorer
from seedream_core.errors import UserError
from seedream_core.records import Sample


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    from transformers import ViTConfig, ViTForImageClassification
    from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("classifier")
    labels = {0: "Neutral", 1: "NSFW", 2: "Gore"}
    ViTForImageClassification(
        ViTConfig(
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=32,
            image_size=32,
            patch_size=16,
            initializer_range=0.5,
            id2label=labels,
            label2id={name: place for place, name in labels.items()},
        )
    ).save_pretrained(path)
    ViTImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(path)
    return path


def views() -> list[LazySample]:
    return [
        LazySample.of(Sample(key=f"k{shade}", width=40, height=30, captions={}), np.full((30, 40, 3), shade, np.uint8))
        for shade in (0, 90, 255)
    ]


def test_scores_are_sums_of_probabilities_alike_in_any_batch(folder):
    both, alone, one = views(), views(), views()
    UnsafeScorer(path=str(folder)).start({})(both)
    UnsafeScorer(path=str(folder), labels=("gore",)).start({})(alone)
    UnsafeScorer(path=str(folder), batch=1).start({})(one)
    for first, second, third in zip(both, alone, one):
        assert 0 < second.scores["unsafe"] < first.scores["unsafe"] < 1 and first.scores["unsafe"] == pytest.approx(
            third.scores["unsafe"], abs=2e-4
        )
    assert len({view.scores["unsafe"] for view in both}) > 1
    assert [Judge(max_probability=0.0)(view).keep for view in both] == [False] * 3 and Judge(max_probability=1.0)(
        both[0]
    ).keep


def test_errors_name_the_folder_and_its_classes(folder, tmp_path):
    with pytest.raises(UserError, match="scorer unsafe needs a model"):
        UnsafeScorer().start({})
    with pytest.raises(UserError, match="Neutral, NSFW, Gore"):
        UnsafeScorer(path=str(folder), labels=("lewd",)).start({})
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError, match="cannot be loaded"):
        UnsafeScorer(path=str(tmp_path)).start({})


def test_broken_weights_are_one_message_and_missing_ones_are_not_made_up(folder, tmp_path):
    from safetensors.torch import load_file, save_file

    for name in ("cut", "headless"):
        shutil.copytree(folder, tmp_path / name)
    weights = tmp_path / "cut" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(UserError, match="scorer unsafe: .*cut cannot be loaded: "):
        UnsafeScorer(path=str(tmp_path / "cut")).start({})
    weights = tmp_path / "headless" / "model.safetensors"
    save_file(
        {name: tensor for name, tensor in load_file(weights).items() if not name.startswith("classifier")},
        weights,
        {"format": "pt"},
    )
    with pytest.raises(UserError, match="lacks 2 weights of ViTForImageClassification, such as classifier.bias"):
        UnsafeScorer(path=str(tmp_path / "headless")).start({})


def test_one_process_of_many_takes_one_thread(folder):
    before = torch.get_num_threads()
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("forkserver")) as pool:
        assert pool.submit(threads, str(folder)).result() == 1
    UnsafeScorer(path=str(folder)).start({})
    assert torch.get_num_threads() == before


def threads(path: str) -> int:
    torch.set_num_threads(2)
    UnsafeScorer(path=path).start({})
    return torch.get_num_threads()
