"""Rows of a CSV, in UTF-8 or GBK; a table without a picture column is one message."""

import pytest

from seedream_core.errors import UserError

STAR = "白色背景上有一个橙色五角星"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gbk"])
def test_rows_of_csv(tmp_path, encoding, source, reasons, table):
    table(tmp_path, [])
    (tmp_path / "in" / "t.csv").write_bytes(
        f'picture,caption,said\r\nx.png,"one,\n{STAR}",{STAR}\r\ny.png,two\r\n\r\ny.png,,b\r\n'.encode(encoding)
    )
    with pytest.raises(UserError, match="t.csv:1: no column is called image, .*there are picture, caption, said"):
        source("csv", tmp_path / "in" / "t.csv").listing()
    csv = source("csv", tmp_path / "in" / "t.csv", image="picture", caption="said")
    items = csv.listing().items
    assert [item.place for item in items] == ["t.csv:3", "t.csv:4", "t.csv:6"]
    assert csv.read(items[0]).captions == {"zh": {"short": STAR}} and csv.read(items[2]).captions == {
        "en": {"short": "b"}
    }
    with pytest.raises(UserError, match="t.csv:1: no column is called tilte; there are picture, caption, said"):
        source("csv", tmp_path / "in" / "t.csv", image="picture", caption="tilte").listing()
    assert reasons(csv) == {"t.csv:4": "broken row: 2 cells under 3 columns"}


@pytest.mark.parametrize("separator", [";", "\t"])
def test_semicolons_and_tabs_are_seen(tmp_path, source, table, separator):
    table(tmp_path, [])
    (tmp_path / "in" / "t.csv").write_text(
        separator.join(["image", "caption"]) + "\n" + separator.join(["x.png", "one, two"]) + "\n"
    )
    csv = source("csv", tmp_path / "in" / "t.csv")
    assert csv.read(csv.listing().items[0]).captions == {"en": {"short": "one, two"}}


def test_old_line_ends_are_read_and_a_cell_without_end_is_reported(tmp_path, source, table):
    table(tmp_path, [])
    path = tmp_path / "in" / "t.csv"
    path.write_bytes(b"image,caption\rx.png,one\r")
    assert source("csv", path).read(source("csv", path).listing().items[0]).captions == {"en": {"short": "one"}}
    path.write_text("image," + "a" * 140_000)
    with pytest.raises(UserError, match="t.csv:1: field larger than field limit"):
        source("csv", path).listing()
