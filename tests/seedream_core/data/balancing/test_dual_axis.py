"""Dual-axis weights: the formula on one level, the walk on several, words clipped, and more concepts on a long tail."""

import numpy as np
import pytest

from seedream_core.data.balancing import Crowd
from seedream_core.data.balancing.concepts import Concepts
from seedream_core.data.balancing.dual_axis import DualAxisBalance, _walk
from seedream_core.data.balancing.look import look
from seedream_core.data.loading.weights import capped
from seedream_core.synthetic.scenes.captions import captions
from seedream_core.synthetic.scenes.render import render
from seedream_core.synthetic.scenes.world import World


@pytest.fixture(scope="module")
def tail() -> tuple[Crowd, Concepts]:
    world = World(zipf=1.5, kinds={"one": 1})
    scenes = [world.sample(21, index) for index in range(1500)]
    crowd = Crowd(
        np.stack([look(render(scene, 64, 64)) for scene in scenes]),
        [captions(scene, index, world) for index, scene in enumerate(scenes)],
        [""] * 1500,
    )
    return crowd, Concepts.of([str(scene.objects[0].thing)] for scene in scenes)


def blobs(sizes) -> np.ndarray:
    return np.repeat(100 * np.eye(len(sizes)), sizes, axis=0)


def test_one_level_is_the_formula():
    sizes = (64, 16, 4, 4)
    weights = DualAxisBalance(alpha=0.5, beta=0.0, clusters=(4,))(Crowd(blobs(sizes), [{}] * 88, [""] * 88)).weights
    assert weights / weights[0] == pytest.approx(np.repeat([1, 2, 4, 4], sizes))  # n^-0.5


def test_a_walk_shares_out_level_by_level():
    # a branch of 1 cluster with 8 samples, and one of 3 clusters with 1, 1 and 6
    paths = np.array([[0, 0]] * 8 + [[1, 1], [1, 2]] + [[1, 3]] * 6)
    chance = _walk(paths, 1.0)
    assert (
        chance[:8] == pytest.approx(1 / 16)
        and chance[8:10] == pytest.approx(1 / 6)
        and chance[10:] == pytest.approx(1 / 36)
    )
    assert _walk(paths, 0.0) == pytest.approx(1 / 16)  # left as they are
    assert _walk(paths, 0.4).sum() == pytest.approx(1)


def test_rare_words_count_within_their_clip():
    texts = ["red star"] * 900 + ["cyan heart"] * 98 + ["odd thing"] * 2
    crowd = Crowd(np.zeros((1000, 3)), [{"en": {"short": text}} for text in texts], [""] * 1000)
    weights = DualAxisBalance(alpha=1.0, beta=1.0, clusters=(1,))(crowd).weights
    assert weights[950] / weights[0] == pytest.approx(np.log(1000 / 98) / np.log(1000 / 900))
    assert weights[-1] == pytest.approx(weights[950])  # over the 95th percentile
    assert np.ptp(DualAxisBalance(beta=0.0, clusters=(1,))(crowd).weights) == 0


def test_no_captions_at_all():
    weights = DualAxisBalance(clusters=(2,))(Crowd(blobs((9, 3)), [{}] * 12, [""] * 12)).weights
    assert (weights[9:] > weights[0]).all()


def test_a_long_tail_has_more_concepts_than_before(tail):
    crowd, truth = tail
    before = truth.effective(np.ones(1500))
    ratios = {}
    for name, one in {
        "both": DualAxisBalance(),
        "looks": DualAxisBalance(beta=0.0),
        "words": DualAxisBalance(alpha=0.0),
        "jieba": DualAxisBalance(chinese="jieba"),
    }.items():
        if name == "jieba":
            pytest.importorskip("jieba")
        ratios[name] = truth.effective(capped(one(crowd).weights, 10.0)) / before
    assert ratios["both"] > max(ratios["looks"], ratios["words"]) > min(ratios["looks"], ratios["words"]) > 1.2
    assert ratios["both"] > 2 and ratios["jieba"] > 2, ratios


def test_levels_must_rise():
    with pytest.raises(ValueError, match="must rise"):
        DualAxisBalance(clusters=(64, 8))
