"""The first of near duplicates stays; another colour or place is another picture; blocks, tiles and copies of copies
change nothing.
"""

import numpy as np
import pytest
from PIL import Image

from seedream_core.data.curation.dedup import near
from seedream_core.data.curation.dedup.near import NearDedup
from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.curation.scorers.signature import SignatureScorer
from seedream_core.records import Sample
from seedream_core.synthetic.scenes.render import render
from seedream_core.synthetic.scenes.world import Object, Scene, World


def features(pictures: list[np.ndarray]) -> dict[str, np.ndarray]:
    views = [
        LazySample.of(Sample(key="a", width=one.shape[1], height=one.shape[0], captions={}), np.ascontiguousarray(one))
        for one in pictures
    ]
    SignatureScorer().start({})(views)
    return {name: np.stack([view.features[name] for view in views]) for name in NearDedup.needs}


def drop(pictures: list[np.ndarray], **options: float) -> dict[int, str]:
    return NearDedup(**options)(features(pictures), [f"k{row}" for row in range(len(pictures))])


def one(color: str, x: float = 0.5, y: float = 0.5, size: float = 0.4, background: str = "white") -> np.ndarray:
    return render(Scene("one", background, (Object(color, "circle", x, y, size),)), 128, 128)


def resized(pixels: np.ndarray, side: int) -> np.ndarray:
    return np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).resize((side, side)))


def test_reasons_say_of_what_and_what_was_changed():
    clean = one("red", 0.4)
    darker = (clean * 0.9).astype(np.uint8)
    reasons = drop([clean, resized(clean, 64), clean[4:124, 4:124], darker, clean])
    assert reasons.keys() == {1, 2, 3, 4} and all(
        reason.startswith("the same picture as k0 but for ") for reason in reasons.values()
    )
    assert "size ×0.50 (residual 0.0" in reasons[1] and "a crop of " in reasons[2] and "brightness ×0.90" in reasons[3]
    assert "its encoding (residual 0.000)" in reasons[4]


def test_colour_and_place_count():
    assert (
        drop(
            [
                one(color, background=background)
                for color in ("red", "green", "blue", "yellow", "purple", "orange", "black", "cyan")
                for background in ("white", "gray", "pink", "beige")
            ]
        )
        == {}
    )
    assert drop([one("red", 0.3 + 0.06 * step, 0.4) for step in range(7)]) == {}


def test_a_mirror_image_is_another_picture():
    noise = np.random.default_rng(1).integers(0, 256, (8, 8, 3), np.uint8)
    photo = resized(noise, 128)
    assert drop([photo, photo[:, ::-1], photo[::-1], photo.transpose(1, 0, 2)]) == {}


@pytest.mark.parametrize(("darker", "same"), [(8, True), (12, False)])
def test_a_part_that_differs_counts_from_the_residual_on(darker, same):
    """A square of 32 pixels less bright: residuals of 0.12 and 0.18, on either side of the limit."""
    clean = one("red", 0.4)
    other = clean.copy()
    other[90:122, 90:122] -= darker
    (pair,) = NearDedup(max_residual=1.0).pairs(features([clean, other]))
    assert pair[2] == pytest.approx(0.015 * darker, abs=0.005)
    assert (drop([clean, other]).keys() == {1}) is same
    assert drop([clean, other], max_residual=pair[2] - 1e-4) == {}
    assert drop([clean, other], max_residual=pair[2] + 1e-4)


def test_only_kept_ones_are_compared_with():
    # Each is a crop of the one before; the third is none of the first's, but of the second, which is dropped.
    clean = one("red", 0.35, 0.4)
    chain = [clean, clean[5:123, 5:123], clean[10:118, 10:118]]
    assert drop(chain).keys() == {1}
    assert drop(chain[1:]).keys() == {1} and drop(chain, max_crop=0.09).keys() == {1, 2}


def test_what_sticks_out_is_allowed_on_demand():
    clean = one("red", 0.35, 0.4)
    parts = [clean[:122, :122], clean[6:, 6:]]
    assert drop(parts) == {} and drop(parts, max_shift=0.06).keys() == {1}


def test_the_aspect_counts():
    clean = one("red")
    squeezed = np.asarray(Image.fromarray(clean).resize((128, 96)))
    assert drop([clean, squeezed]) == {} and drop([squeezed, resized(squeezed, 64)]) == {}
    assert drop([squeezed, np.asarray(Image.fromarray(squeezed).resize((64, 48)))]).keys() == {1}


@pytest.mark.parametrize("order", [0, 1])
def test_blocks_and_tiles_change_nothing(order, monkeypatch):
    scenes = [render(World().sample(6, index), 64, 64) for index in range(60)]
    pictures = scenes + [resized(scene, 48) for scene in scenes[::3]] + [scene[1:63, 1:63] for scene in scenes[::4]]
    mixed = [pictures[place] for place in np.random.default_rng(order).permutation(len(pictures))]
    whole = drop(mixed)
    pairs = sorted(NearDedup().pairs(features(mixed)))
    monkeypatch.setattr(near, "BLOCK", 7)
    monkeypatch.setattr(near, "TILE", 5)
    monkeypatch.setattr(near, "PAIRS", 2)
    assert drop(mixed) == whole and sorted(NearDedup().pairs(features(mixed))) == pairs
    assert len(whole) == 35 and {later for _, later, _ in pairs} >= whole.keys()


def test_pictures_that_look_alike_cost_what_their_number_does(monkeypatch):
    laid = []
    lay = near.registration.lay
    monkeypatch.setattr(near.registration, "lay", lambda first, *rest: (laid.append(len(first)), lay(first, *rest))[1])
    clean = features([one("red")])
    for count in (256, 512):
        laid.clear()
        alike = {name: np.repeat(values, count, 0) for name, values in clean.items()}
        assert len(NearDedup()(alike, [f"k{row}" for row in range(count)])) == count - 1
        # All of the first block with each other, then each with the one that was kept.
        assert sum(laid) == near.BLOCK * (near.BLOCK - 1) // 2 + count - near.BLOCK


def test_how_far_it_is_shows(capsys):
    drop([one("red"), one("red"), one("blue")])
    assert "near duplicates 3/3 (100%)" in capsys.readouterr().err


def test_nothing_and_one():
    assert (
        NearDedup()({"signature": np.zeros((0, 32, 32, 3), np.uint8), "sides": np.zeros((0, 2), np.uint32)}, []) == {}
    )
    assert drop([one("red")]) == {}


def test_wrong_options_are_refused():
    from seedream_core.workflow.config import ConfigError, parse

    for wrong in ({"residual": 0.0}, {"crop": 0.5}, {"shift": -0.1}, {"distance": 1}):
        with pytest.raises(ConfigError):
            parse(NearDedup, wrong)
