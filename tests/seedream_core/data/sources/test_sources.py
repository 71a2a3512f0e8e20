"""Every kind of source is found by its name and says in one message what is wrong with its path."""

import os

import pytest

from seedream_core.data.sources import Item, Items, Source
from seedream_core.errors import UserError


def test_every_kind_is_there():
    assert set(Source.names()) == {"csv", "folder", "jsonl", "parquet", "pdf", "webdataset"}


@pytest.mark.parametrize("kind", ["folder", "webdataset", "jsonl", "csv"])
def test_a_path_that_is_wrong_is_one_message(tmp_path, kind, source):
    with pytest.raises(UserError, match="source.path: .*gone is not there"):
        source(kind, tmp_path / "gone").listing()
    wrong = tmp_path / "file"
    wrong.write_bytes(b"") if kind in ("folder", "webdataset") else os.mkdir(wrong)
    with pytest.raises(UserError, match="source.path: .*file is no f"):
        source(kind, wrong).listing()


def test_items_are_made_when_they_are_asked_for():
    made = []
    items = Items(lambda row: made.append(row) or Item(f"n{row}", "p"), range(1000))
    part = items[10:20][3:]
    assert len(items) == 1000 and len(part) == 7 and made == []
    assert (
        part[0].name == "n13"
        and [item.name for item in part] == [f"n{row}" for row in range(13, 20)]
        and made[:2] == [13, 13]
    )
