"""Pictures are the sampler's own, and what is on disk is not drawn again."""

import json

import numpy as np
import pytest

from seedream_core.pipeline.drawing import Drawing

NAMES, PROMPTS, SEEDS = ["a", "b", "c"], ["one", "two", "three"], [4, 5, 6]


class Counted:
    """A sampler whose pictures are flat, of the colour of their seed; it stops where it is told."""

    def __init__(self, most: int = 99) -> None:
        self.drawn: list[str] = []
        self.most = most

    def images(self, prompts, seeds, *, batch, width, height):
        if len(self.drawn) + len(prompts) > self.most:
            raise KeyboardInterrupt
        self.drawn += prompts
        return np.stack([np.full((height, width, 3), seed, np.uint8) for seed in seeds])


def drawing(folder, sampler, batch=1) -> Drawing:
    return Drawing(folder, sampler, {"width": 6, "height": 4}, batch)


def test_a_killed_run_goes_on_where_it_was(tmp_path):
    first, second = Counted(most=2), Counted()
    with pytest.raises(KeyboardInterrupt):
        drawing(tmp_path, first).pictures(NAMES, PROMPTS, SEEDS)
    pictures = drawing(tmp_path, second).pictures(NAMES, PROMPTS, SEEDS)
    assert (first.drawn, second.drawn) == (["one", "two"], ["three"])
    assert pictures.shape == (3, 4, 6, 3) and [picture.max() for picture in pictures] == SEEDS
    rows = [json.loads(line) for line in (tmp_path / "seconds.jsonl").read_text().splitlines()]
    assert [row["pictures"] for row in rows] == [1, 1, 1]
    assert drawing(tmp_path, second).per_second() == pytest.approx(3 / sum(row["seconds"] for row in rows))


def test_batches_are_those_of_the_prompts_order(tmp_path):
    sampler = Counted()
    drawing(tmp_path, sampler, batch=2).pictures(NAMES, PROMPTS, SEEDS)
    assert sampler.drawn == PROMPTS
    (tmp_path / "b.png").unlink()
    drawing(tmp_path, sampler, batch=2).pictures(NAMES, PROMPTS, SEEDS)
    assert sampler.drawn == [*PROMPTS, "two"]
    assert drawing(tmp_path / "other", sampler).per_second() is None
