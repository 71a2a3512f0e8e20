"""What tests of sources share: pictures, a source by its kind, and why its items cannot be read."""

import io
import json

import pytest
from PIL import Image

from seedream_core.data.sources import Source
from seedream_core.errors import DataError


@pytest.fixture
def png():
    def png(shade: int = 9) -> bytes:
        data = io.BytesIO()
        Image.new("RGB", (8, 6), (shade, 0, 0)).save(data, "PNG")
        return data.getvalue()

    return png


@pytest.fixture
def source():
    def source(kind: str, path, **options) -> Source:
        return Source.find(kind)(path=str(path), **options)

    return source


@pytest.fixture
def reasons():
    def reasons(one: Source) -> dict[str, str]:
        """Name -> why it cannot be read."""
        listing, found = one.listing(), {}
        for item in listing.items:
            try:
                one.read(item)
            except DataError as error:
                found[item.name] = error.message
        return found | {lost.name: lost.reason for lost in listing.lost}

    return reasons


@pytest.fixture
def table(png):
    def table(folder, rows: list) -> None:
        (folder / "in").mkdir()
        (folder / "in" / "x.png").write_bytes(png(1))
        (folder / "in" / "y.png").write_bytes(png(2))
        (folder / "outside.png").write_bytes(png(3))
        (folder / "in" / "t.jsonl").write_text(
            "".join(row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        )

    return table
