"""Groups that are apart come out as clusters, and every cluster shows its own middle; without features there is no
map.
"""

import numpy as np

from seedream_core.report.clusters import LEAST, MAPPED, NEAREST, draw


def write(folder, values, name="embedding") -> None:
    (folder / "features").mkdir(exist_ok=True)
    np.save(folder / "features" / f"{name}.npy", values)


def test_groups_come_out(tmp_path):
    random = np.random.default_rng(0)
    groups = np.repeat([0, 1, 2], [100, 60, 40])
    write(tmp_path, (np.eye(3, 8)[groups] * 20 + random.normal(size=(200, 8))).astype(np.float16))
    found = draw(tmp_path, 200)
    assert found.feature == "embedding" and found.points.shape == (200, 2) and np.abs(found.points).max() <= 1.0001
    assert sum(found.counts) == 200 and list(found.counts) == sorted(found.counts, reverse=True)
    for label, places in enumerate(found.nearest):
        assert len({groups[place] for place in places}) == 1 and len(places) <= NEAREST
        assert all(found.labels[place] == label for place in places)
        assert len(set(groups[found.labels == label])) == 1


def test_of_many_some_and_of_few_none(tmp_path):
    write(tmp_path, np.random.default_rng(1).normal(size=(3 * MAPPED, 4)).astype(np.float32), "signature")
    found = draw(tmp_path, 3 * MAPPED)
    assert len(found.points) == MAPPED and max(max(places) for places in found.nearest) > 2 * MAPPED
    assert (
        draw(tmp_path, 2 * LEAST - 1) is None and draw(tmp_path, 500) is None and draw(tmp_path / "none", 500) is None
    )


def test_samples_that_are_all_alike(tmp_path):
    write(tmp_path, np.ones((60, 3), np.float32))
    assert sum(draw(tmp_path, 60).counts) == 60
