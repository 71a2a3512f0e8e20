"""A size is held against free memory and against what the model was trained at."""

import pytest

from seedream_core.errors import UserError
from seedream_core.generate import requests, sizes
from seedream_core.generate.prompts import Line
from seedream_core.pipeline.sampler import Sampler
from seedream_core.workflow.packaged import packaged

MIB = 2**20


@pytest.fixture(scope="module")
def sampler():
    return Sampler.load(packaged())


def needed(sampler, side, **options):
    return sizes.needed_bytes(sampler, side, side, sizes._decoder_values(sampler), **options)


def wanted(sampler, *asked):
    return requests.requests([Line(prompt="a", size=size) for size in asked], sampler.spec)


def test_the_estimate_covers_what_was_measured_and_not_much_more(sampler):
    # The packaged model's peak beside its weights, by the resident size of a process: 77 MiB for decoding 1,024 x 1,024
    # pixels, 128 MiB for the whole picture; 17 MiB for decoding 512 x 512.
    assert 128 * MIB <= needed(sampler, 1024) <= 2 * 128 * MIB
    assert 17 * MIB <= needed(sampler, 512) <= 4 * 17 * MIB
    assert sizes._decoder_values(sampler) == 4  # 64 features at a quarter of the resolution


def test_memory_grows_with_pixels_and_a_guided_network_takes_twice_as_much(sampler):
    assert needed(sampler, 4096) == pytest.approx(4 * needed(sampler, 2048), rel=0.05)
    network = sizes.needed_bytes(sampler, 1024, 1024, 0.0)
    assert sizes.needed_bytes(sampler, 1024, 1024, 0.0, guided=True) == 2 * network


def test_as_many_pictures_as_fit(sampler, monkeypatch):
    asked, most = wanted(sampler, (64, 64), (512, 512)), needed(sampler, 512)
    monkeypatch.setattr(sizes, "free_bytes", lambda device: most)
    sizes.check(sampler, asked)
    with pytest.raises(UserError, match="size 512x512: about 0.1 GiB of memory are needed for 2 at once, and 0.0 GiB"):
        sizes.check(sampler, asked, 2)
    monkeypatch.setattr(sizes, "free_bytes", lambda device: most - 1)
    with pytest.raises(UserError, match="size 512x512: about 0.0 GiB of memory are needed, and"):
        sizes.check(sampler, asked)


def test_free_memory_is_what_the_machine_and_its_container_leave():
    free = sizes.free_bytes("cpu")
    rows = dict(line.split(":", 1) for line in open("/proc/meminfo"))
    assert 0 < free <= int(rows["MemTotal"].split()[0]) * 1024


@pytest.mark.parametrize(
    "limit, used, left", [("max", "300", None), ("1000", "300", 700), ("1000", "1200", 0), (None, "300", None)]
)
def test_the_limit_of_a_container_counts(tmp_path, monkeypatch, limit, used, left):
    free = sizes.free_bytes("cpu")
    for name, text in (("memory.max", limit), ("memory.current", used)):
        if text is not None:
            (tmp_path / name).write_text(f"{text}\n")
    monkeypatch.setattr(sizes, "CGROUP", tmp_path)
    found = sizes.free_bytes("cpu")
    assert found == left if left is not None else found >= free // 2


def test_sizes_that_were_never_trained_are_named_once(sampler):
    assert sizes.untrained(sampler.spec, wanted(sampler, (64, 64), (64, 64))) == ""
    said = sizes.untrained(sampler.spec, wanted(sampler, (256, 256), (64, 64), (32, 64), (256, 256)))
    assert said == "size 256x256, 32x64: this model was trained at 64x64; other sizes may not show the prompt"
