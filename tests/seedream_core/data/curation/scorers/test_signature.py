"""A signature is 3,080 bytes of any picture, says how it was squeezed, and changes little with the file's encoding and
size.
"""

import numpy as np
from PIL import Image

from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.curation.scorers.signature import SignatureScorer, signature
from seedream_core.records import Sample
from seedream_core.synthetic.scenes.render import render
from seedream_core.synthetic.scenes.world import World


def test_features_of_any_picture():
    for height, width in ((64, 64), (1, 1), (7, 900), (300, 200)):
        view = LazySample.of(
            Sample(key="a", width=width, height=height, captions={}),
            np.full((height, width, 3), (9, 90, 200), np.uint8),
        )
        SignatureScorer().start({})([view])
        assert (
            view.features["sides"].tolist() == [width, height]
            and sum(value.nbytes for value in view.features.values()) == 3080
        )
        assert view.features["signature"].shape == (32, 32, 3) and (view.features["signature"] == (9, 90, 200)).all()


def test_size_and_resampling_matter_little():
    for index in range(20):
        scene = World().sample(4, index)
        small, large = (signature(render(scene, side, side)).astype(int) for side in (64, 127))
        assert np.abs(small - large).mean() < 2
        smaller = np.asarray(Image.fromarray(render(scene, 64, 64)).resize((33, 33), Image.Resampling.BOX))
        assert np.abs(small - signature(smaller)).mean() < 3
