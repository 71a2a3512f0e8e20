"""One size for all: pictures covered and cropped, boxes moved, truth dropped where the crop took some of it; tuples
refused.
"""

import io

from PIL import Image

from seedream_core.data.images.pictures import decode
from seedream_core.data.images.resizing import Cover, crops, moved
from seedream_core.data.storage.shards import ShardWriter
from seedream_core.records import Sample
from seedream_core.workflow.artifact import digest


def picture(width, height, form="PNG") -> bytes:
    image = Image.new("RGB", (width, height), "white")
    image.paste("red", (0, 0, width // 2, height))
    data = io.BytesIO()
    image.save(data, form)
    return data.getvalue()


def test_a_picture_is_scaled_to_cover_and_keeps_its_bytes_where_it_fits(tmp_path):
    with ShardWriter(tmp_path / "shards", 10) as writer:
        writer.add("wide", {"jpg": picture(128, 64, "JPEG"), "json": b"{}"})
        writer.add("right", {"png": picture(32, 32), "json": b"{}"})
    fit = Cover(tmp_path, digest(tmp_path), (32, 32))
    wide = fit(0)
    pixels = decode(wide)
    assert set(wide) == {"png", "json"} and pixels.shape == (32, 32, 3)
    assert pixels[:, :14, 1].max() < 60 and pixels[:, 18:, 1].min() > 200  # the middle of the picture
    assert fit(1) == {"png": picture(32, 32), "json": b"{}"}


def test_records_move_along():
    box = {"kind": "logo", "box": [0.0, 0.0, 0.5, 1.0]}
    sample = Sample(
        key="a", width=128, height=64, captions={}, boxes=(box,), truth={"kind": "one"}, scores={"sharpness": 0.7}
    )
    fitted = moved(sample, (32, 32))
    assert (fitted.width, fitted.height, fitted.truth, fitted.scores) == (32, 32, None, {"sharpness": 0.7})
    assert fitted.boxes == ({"kind": "logo", "box": [0.0, 0.0, 0.5, 1.0]},) and moved(sample, (128, 64)) is sample
    assert moved(sample, (64, 32)).truth == {"kind": "one"}
    assert crops((128, 64), (32, 32)) and not crops((128, 64), (64, 32)) and not crops((1000, 500), (2, 1))
