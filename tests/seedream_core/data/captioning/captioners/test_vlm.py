"""A small random vision-language model, saved and loaded as a real one: batched answers, clear errors, the picture
matters.
"""

import numpy as np
import pytest

from seedream_core.data.captioning.captioners import Captioner
from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.errors import UserError
from seedream_core.records import Sample
from seedream_core.workflow.host import Host


@pytest.fixture(scope="module")
def folder(tiny_vlm):
    return tiny_vlm


def views() -> list[LazySample]:
    pixels = [np.full((40 + 8 * index, 64, 3), 60 * index, np.uint8) for index in range(4)]
    return [
        LazySample.of(Sample(key=f"k{index}", width=64, height=40 + 8 * index, captions={}), one)
        for index, one in enumerate(pixels)
    ]


def captioner(folder, **options) -> Captioner:
    return Captioner.find("vlm")(path=str(folder), max_tokens=6, **options)


def test_every_field_and_language_alike_in_any_batch(folder):
    host = Host(precision="f32", accelerator="cpu")
    written = captioner(folder, batch=4).start(host)(views())
    assert [set(one) for one in written] == [{"en", "zh"}] * 4
    assert written == captioner(folder, batch=1).start(host)(views())
    assert len({str(one) for one in written}) > 1, "the picture does not matter"
    other = captioner(folder, requests={"en.short": "What?"}, languages=("en",), fields=("short",)).start(host)(views())
    assert [set(one) for one in other] == [{"en"}] * 4 and other[0]["en"].get("short") != written[0]["en"].get("short")


def test_its_errors_name_the_folder_and_the_option(tmp_path):
    with pytest.raises(UserError, match="is no model folder"):
        captioner(tmp_path).start(Host())
    (tmp_path / "config.json").write_text(
        '{"model_type": "nothing", "auto_map": {"AutoModelForImageTextToText": "evil.Evil"}}'
    )
    (tmp_path / "evil.py").write_text("raise SystemExit('run')")
    with pytest.raises(UserError, match="cannot be loaded"):
        captioner(tmp_path).start(Host())
    with pytest.raises(ValueError, match="expected a language and a field"):
        captioner(tmp_path, requests={"short": "x"})
    with pytest.raises(ValueError, match="languages: de"):
        captioner(tmp_path, languages=("de",))
