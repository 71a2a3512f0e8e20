"""Pictures go into the page as they are, unless they are larger than it needs."""

import base64
import io

from PIL import Image

from seedream_core.report.pictures import embed


def test_small_ones_stay_whole_and_large_ones_shrink(tmp_path):
    for name, size in (("small", (64, 32)), ("large", (1280, 320))):
        Image.new("RGB", size, "red").save(tmp_path / f"{name}.png")
    small, large = embed(tmp_path / "small.png"), embed(tmp_path / "large.png")
    data = [base64.b64decode(picture.uri.removeprefix("data:image/png;base64,")) for picture in (small, large)]
    assert data[0] == (tmp_path / "small.png").read_bytes()
    assert (large.width, large.height) == Image.open(io.BytesIO(data[1])).size == (640, 160)
