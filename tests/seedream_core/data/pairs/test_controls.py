"""Depth and areas from models of others, here small random ones saved and loaded as real ones are."""

import numpy as np
import pytest
import torch

from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.pairs import Pairs
from seedream_core.data.pairs.segmentation import areas, painted
from seedream_core.errors import UserError
from seedream_core.randomness import Rng
from seedream_core.records import Sample
from seedream_core.synthetic.scenes.world import World


def view(size=(48, 40)) -> LazySample:
    pixels = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), np.uint8)
    return LazySample.of(Sample(key="a", width=size[0], height=size[1], captions={"en": {"short": "noise"}}), pixels)


def test_depth_by_a_model(tmp_path):
    from transformers import DPTConfig, DPTForDepthEstimation
    from transformers.models.dpt.image_processing_pil_dpt import DPTImageProcessorPil

    torch.manual_seed(0)
    config = DPTConfig(
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=32,
        patch_size=16,
        backbone_out_indices=[0, 1, 2, 3],
        neck_hidden_sizes=[16, 16, 16, 16],
        fusion_hidden_size=16,
        is_hybrid=False,
    )
    DPTForDepthEstimation(config).save_pretrained(tmp_path)
    DPTImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(tmp_path)
    (pair,) = Pairs.find("depth")(path=str(tmp_path)).start()(view(), Rng(0))
    depth = pair.references[0]
    assert (
        depth.shape == (40, 48, 3)
        and depth.min() == 0
        and depth.max() == 255
        and (depth[..., 0] == depth[..., 2]).all()
    )


def test_areas_by_a_model(tmp_path):
    from transformers import SegformerConfig, SegformerForSemanticSegmentation
    from transformers.models.segformer.image_processing_pil_segformer import SegformerImageProcessorPil

    torch.manual_seed(0)
    SegformerForSemanticSegmentation(
        SegformerConfig(
            num_encoder_blocks=2,
            depths=[1, 1],
            sr_ratios=[2, 1],
            hidden_sizes=[8, 16],
            patch_sizes=[7, 3],
            strides=[4, 2],
            num_attention_heads=[1, 2],
            mlp_ratios=[2, 2],
            decoder_hidden_size=16,
            num_labels=5,
        )
    ).save_pretrained(tmp_path)
    SegformerImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(tmp_path)
    (pair,) = Pairs.find("segmentation")(path=str(tmp_path)).start()(view(), Rng(0))
    assert (
        pair.references[0].shape == (40, 48, 3) and 1 <= len(np.unique(pair.references[0].reshape(-1, 3), axis=0)) <= 5
    )


def test_areas_by_truth():
    world = World()
    scene = next(scene for scene in (world.sample(2, index) for index in range(50)) if len(scene.objects) == 3)
    labels = areas(scene, (64, 64))
    for number, one in enumerate(scene.objects, 1):
        assert labels[int(one.y * 64), int(one.x * 64)] == number
    colours = np.unique(painted(labels).reshape(-1, 3), axis=0)
    assert len(colours) == 4 and (colours[0] == 0).all()


@pytest.mark.parametrize("name", ["depth", "segmentation"])
def test_a_folder_that_holds_no_model(name, tmp_path):
    with pytest.raises(UserError, match=f"pairs {name}.*is not a model folder"):
        Pairs.find(name)(path=str(tmp_path)).start()
