"""Requests become pictures in their order, neighbours of the same settings at once."""

from dataclasses import replace
from types import SimpleNamespace

import numpy
import pytest

from seedream_core.errors import UserError
from seedream_core.generate import requests, sizes
from seedream_core.generate.prompts import Line
from seedream_core.pipeline.sampler import Sampler

SPEC = SimpleNamespace(width=64, height=64, steps=4, guidance=1.0)


class Recorder:
    """A sampler that notes what it is asked for, and draws each picture in the colour of its seed."""

    device = "cpu"

    def __init__(self):
        self.asked = []

    def images(self, prompts, seeds, *, width, height, batch, **rest):
        self.asked.append((width, list(prompts), list(seeds), batch))
        return numpy.stack([numpy.full((height, width, 3), seed, numpy.uint8) for seed in seeds])


@pytest.fixture
def recorder(monkeypatch):
    monkeypatch.setattr(sizes, "check", lambda *_: None)
    return Recorder()


def test_neighbours_of_the_same_settings_are_drawn_at_once_and_in_order(recorder):
    lines = [Line(prompt=text, size=(32, 32) if text == "c" else None) for text in "abcde"]
    wanted = requests.requests(lines, SPEC, seed=5)
    drawn = list(requests.pictures(recorder, wanted, batch=2))
    assert [request for request, _ in drawn] == wanted and [int(pixels[0, 0, 0]) for _, pixels in drawn] == [
        *range(5, 10)
    ]
    assert recorder.asked == [
        (64, ["a", "b"], [5, 6], 2),
        (32, ["c"], [7], 1),
        (64, ["d", "e"], [8, 9], 2),
    ]


@pytest.mark.parametrize(("device", "batches"), [("cpu", [1] * 20), ("cuda", [16, 4])])
def test_a_cpu_draws_one_at_a_time_and_a_gpu_several(recorder, device, batches):
    recorder.device = device
    wanted = requests.requests([Line(prompt="a")], SPEC, count=20)
    assert len(list(requests.pictures(recorder, wanted))) == 20
    assert [len(prompts) for _, prompts, _, _ in recorder.asked] == batches


def test_a_lines_own_settings_come_first_then_the_given_ones_then_the_models():
    lines = [Line(prompt="a", seed=9, steps=2), Line(prompt="b")]
    first, second, third, fourth = requests.requests(lines, SPEC, seed=1, count=2, guidance=0.0, size=(32, 64))
    assert (first.seed, second.seed, third.seed, fourth.seed) == (9, 10, 3, 4)
    assert (first.steps, third.steps, first.guidance) == (2, 4, 0.0)
    assert (first.width, first.height) == (32, 64)


def test_nothing_is_drawn_where_a_later_picture_is_too_large(tiny_generator, monkeypatch):
    sampler = Sampler.load(tiny_generator)
    monkeypatch.setattr(sampler, "images", lambda *_, **__: pytest.fail("drawn"))
    wanted = requests.requests([Line(prompt="a"), Line(prompt="b", size=(10**6, 10**6))], sampler.spec)
    with pytest.raises(UserError, match="size 1000000x1000000: about .* GiB of memory are needed, and"):
        next(requests.pictures(sampler, wanted))
    assert replace(wanted[1], width=64, height=64).settings == wanted[0].settings
