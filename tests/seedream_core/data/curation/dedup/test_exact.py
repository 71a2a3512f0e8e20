"""The first of equal pictures stays; one other pixel, or another shape, makes another picture; of tuples all must be
equal.
"""

import io

import numpy as np
from PIL import Image

from seedream_core.data.curation.dedup.exact import ExactDedup
from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.curation.scorers.digest import note
from seedream_core.records import Sample


def test_first_stays():
    pixels = np.random.default_rng(0).integers(0, 256, (8, 12, 3), np.uint8)
    other = pixels.copy()
    other[3, 4, 1] ^= 1
    pictures = {
        "a": pixels,
        "b": other,
        "c": pixels.reshape(12, 8, 3),
        "d": pixels.copy(),
        "e": np.ascontiguousarray(pixels[::-1])[::-1],
    }
    views = [
        LazySample.of(Sample(key=key, width=picture.shape[1], height=picture.shape[0], captions={}), picture)
        for key, picture in pictures.items()
    ]
    note(views)
    reasons = ExactDedup()({"digest": np.stack([view.features["digest"] for view in views])}, list(pictures))
    assert reasons == {3: "the same pixels as a", 4: "the same pixels as a"}


def test_tuples_are_alike_where_all_of_them_is():
    pixels = np.random.default_rng(1).integers(0, 256, (8, 12, 3), np.uint8)
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "PNG")

    def view(task="canny", say="draw", reference=b"1", name="ref0.png") -> LazySample:
        return LazySample(
            Sample(
                key="a",
                width=12,
                height=8,
                captions={"en": {"instruction": say, "short": reference.decode()}},
                task=task,
            ),
            {"png": data.getvalue(), name: reference, "json": b""},
        )

    alone, other_task = (
        LazySample.of(Sample(key="a", width=12, height=8, captions={}, task=task), pixels) for task in ("t2i", "canny")
    )
    views = [
        alone,
        other_task,
        view(),
        view("depth"),
        view(say="paint"),
        view(reference=b"2"),
        view(name="ref1.png"),
        view("t2i"),
        view(),
    ]
    note(views)
    assert ExactDedup()({"digest": np.stack([one.features["digest"] for one in views])}, list(map(str, range(9)))) == {
        8: "the same pixels as 2"
    }
