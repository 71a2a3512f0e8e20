"""Every special caption of a scene is true, in both languages, and different scenes get different ones."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from caption_truth import judge, mean

from seedream_core.synthetic.scenes import special_captions
from seedream_core.synthetic.scenes.world import World


def test_every_claim_is_true():
    world = World(width=96, height=64)
    for field in special_captions.FIELDS:
        for language in ("en", "zh"):
            texts = [
                special_captions.special_caption(scene, language, field, world)
                for scene in (world.sample(21, index) for index in range(300))
            ]
            quality = mean(judge(text, language, world.sample(21, index), world) for index, text in enumerate(texts))
            assert quality.accuracy == 1.0, field
            assert len(set(texts)) >= 3


def test_layout_is_the_richest():
    world = World()
    scenes = [world.sample(5, index) for index in range(200)]
    rich = {
        field: mean(
            judge(special_captions.special_caption(scene, "en", field, world), "en", scene, world) for scene in scenes
        ).richness
        for field in special_captions.FIELDS
    }
    assert rich["layout"] == max(rich.values()) > 2
