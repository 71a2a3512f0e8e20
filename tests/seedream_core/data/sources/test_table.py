"""What every table shares: how a row is named, where its picture may lie, and which column is its caption."""

import pytest

from seedream_core.data.sources.jsonl import Jsonl
from seedream_core.errors import DataError, UserError


@pytest.mark.parametrize(
    "row, name",
    [
        ({"key": "k", "image": "x.png"}, "k"),
        ({"id": 0, "image": "x.png"}, "0"),
        ({"id": "", "file_name": "x.png"}, "x.png"),
        ({"caption": "c"}, "t.jsonl:4"),
        ("torn", "t.jsonl:4"),
    ],
)
def test_a_row_is_named_by_its_key_its_picture_or_its_place(row, name):
    assert Jsonl(path="a/t.jsonl").item(4, row).name == name


def test_the_column_of_picture_and_caption_can_be_named(tmp_path, table):
    table(tmp_path, [{"shot": "x.png", "image": "y.png", "said": "two words", "caption": "other"}])
    one = Jsonl(path=str(tmp_path / "in" / "t.jsonl"), image="shot", caption="said")
    raw = one.read(one.listing().items[0])
    assert raw.picture == (tmp_path / "in" / "x.png").read_bytes() and raw.captions == {"en": {"short": "two words"}}
    with pytest.raises(DataError, match="no column: title"):
        Jsonl(path=one.path, caption="title").read(one.listing().items[0])


def test_the_named_column_is_the_only_caption(tmp_path, table):
    table(tmp_path, [{"image": "x.png", "captions": "one", "caption": 5}])
    one = Jsonl(path=str(tmp_path / "in" / "t.jsonl"), caption="captions")
    assert one.read(one.listing().items[0]).captions == {"en": {"short": "one"}}


def test_a_link_that_leads_out_of_the_root_is_refused(tmp_path, table):
    table(tmp_path, [{"image": "link.png"}])
    (tmp_path / "in" / "link.png").symlink_to(tmp_path / "outside.png")
    one = Jsonl(path=str(tmp_path / "in" / "t.jsonl"))
    with pytest.raises(DataError, match="leads out of .*source.root"):
        one.read(one.listing().items[0])
    assert Jsonl(path=one.path, root=str(tmp_path)).listing().items


def test_a_mended_picture_is_another_item(tmp_path, table, png):
    table(tmp_path, [{"image": "x.png"}, {"image": "gone.png"}, {"image": "bad\u0000.png"}, {"caption": "none"}])
    one = Jsonl(path=str(tmp_path / "in" / "t.jsonl"))
    before = list(one.listing().items)
    assert list(one.listing().items) == before
    (tmp_path / "in" / "x.png").write_bytes(png(77) + b"!")
    (tmp_path / "in" / "gone.png").write_bytes(png(1))
    assert [new == old for new, old in zip(one.listing().items, before)] == [False, False, True, True]


def test_a_root_that_is_not_there_and_what_lies_elsewhere_are_reported(tmp_path, table):
    table(tmp_path, [{"image": "https://a.example/b.jpg"}, {"image": "en/gone.png"}])
    path = str(tmp_path / "in" / "t.jsonl")
    with pytest.raises(UserError, match="source.root: nowhere is not there"):
        Jsonl(path=path, root="nowhere").listing()
    one = Jsonl(path=path)
    for item, reason in zip(
        one.listing().items,
        ("a URL, which is not downloaded: https://a.example/b.jpg", "not there: en/gone.png"),
        strict=True,
    ):
        with pytest.raises(DataError, match=reason):
            one.read(item)
