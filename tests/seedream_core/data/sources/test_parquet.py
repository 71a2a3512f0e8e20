"""Parquet files with pictures inside or beside them: every row is read or reported, damage too, and no row group is
held whole.
"""

import sys

import pytest

from seedream_core.data.sources import Source
from seedream_core.data.sources.parquet import ROWS
from seedream_core.errors import UserError
from seedream_core.records import Sample

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
STAR = "白色背景上有一个橙色五角星"


def write(path, columns: dict, rows_per_group: int = 1000, **options):
    pq.write_table(pa.table(columns), path, row_group_size=rows_per_group, **options)
    return path


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), "struct"])
def test_embedded_pictures_by_the_group(tmp_path, kind, png, source, reasons):
    pictures = [png(shade) for shade in range(50)]
    column = (
        pa.array([{"bytes": data, "path": "same.png"} for data in pictures])
        if kind == "struct"
        else pa.array(pictures, kind)
    )
    (tmp_path / "in").mkdir()
    write(tmp_path / "in" / "b.parquet", {"image": column, "text": pa.array([STAR] * 50)}, 20)
    write(
        tmp_path / "in" / "a.parquet",
        {"key": pa.array(range(7)), "image": column[:7], "caption_en": pa.array(["why", *[None] * 6])},
    )
    (tmp_path / "in" / "notes.md").write_text("x")
    one = source("parquet", tmp_path / "in")
    listing = one.listing()
    assert [item.name for item in listing.items[5:9]] == ["5", "6", "b.parquet:1", "b.parquet:2"] and len(
        listing.items
    ) == 57
    assert listing.ignored == {".md": 1} and not listing.lost
    raws = {item.name: one.read(item) for item in listing.items}
    assert raws["0"].captions == {"en": {"short": "why"}} and raws["1"].captions == {}
    for number in (41, 3, 40, 39, 49):  # forwards and backwards, over groups and batches
        item = listing.items[7 + number]
        assert one.read(item).picture == raws[item.name].picture == pictures[number] and raws[item.name].captions == {
            "zh": {"short": STAR}
        }


def test_paths_and_records_of_ours(tmp_path, png, source, reasons, table):
    table(tmp_path, [])
    record = Sample(key="k", width=8, height=6, captions={"en": {"short": "s"}}, tags=("t",), scores={"sharp": 1.5})
    rows = [
        {
            "image": "x.png",
            "id": "first",
            **{name: getattr(record, name) for name in ("width", "height")},
            "captions": {"en": {"short": "s", "long": None}, "zh": None},
            "tags": ["t"],
            "scores": {"sharp": 1.5, "odd": None},
        },
        {"image": "../outside.png"},
        {"image": None, "id": "none"},
        {"image": "gone.png"},
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "in" / "t.parquet")
    one = source("parquet", tmp_path / "in" / "t.parquet")
    items = one.listing().items
    assert [item.name for item in items] == ["first", "../outside.png", "none", "gone.png"] and items[
        2
    ].place == "t.parquet:3"
    raw = one.read(items[0])
    assert raw.picture == png(1) and raw.captions == {"en": {"short": "s"}}
    assert raw.record["scores"] == {"sharp": 1.5} and raw.record["tags"] == ["t"] and raw.record["width"] == 8
    found = reasons(one)
    assert (
        "leads out" in found["../outside.png"]
        and "no picture is named" in found["none"]
        and "not there: gone.png" in found["gone.png"]
        and len(found) == 3
    )
    before = items[0].at
    (tmp_path / "in" / "x.png").write_bytes(png(200) + b"mended")
    assert one.listing().items[0].at != before


@pytest.mark.parametrize(
    "cell, reason",
    [
        (pa.array([7, 8]), "neither a picture's bytes"),
        (pa.array([[1, 2], [3]]), "neither a picture's bytes"),
        (pa.array([True, True]), "neither a picture's bytes"),
        (
            pa.array([{"bytes": None, "path": None}] * 2, pa.struct({"bytes": pa.binary(), "path": pa.string()})),
            "no picture is named",
        ),
        (pa.array([{"bytes": 5}] * 2), "neither a picture's bytes"),
        (pa.array([b"x", b"x" * 100]), "over 99"),
    ],
)
def test_columns_of_wrong_types_are_reported_row_by_row(tmp_path, cell, reason, source, reasons, monkeypatch):
    monkeypatch.setattr("seedream_core.data.sources.parquet.MEMBER_BYTES", 99)
    found = reasons(source("parquet", write(tmp_path / "t.parquet", {"image": cell, "key": ["a", "b"]})))
    assert reason in found["b"] and ("a" in found or reason == "over 99")


@pytest.mark.parametrize(
    "cell, reason",
    [
        (pa.array([5, None]), "no text: caption is '5'"),
        (pa.array([["a"], None]), "no text: caption is"),
        (pa.array([b"bytes", None]), "no text: caption is"),
        (pa.array([b"caf\xe9", b"e"]).view(pa.string()), "not UTF-8"),
    ],
)
def test_captions_of_wrong_types_are_reported_row_by_row(tmp_path, cell, reason, png, source, reasons):
    one = source("parquet", write(tmp_path / "t.parquet", {"image": [png(), png()], "caption": cell, "id": ["a", "b"]}))
    assert reason in reasons(one)["a"] and "b" not in reasons(one)


def test_named_columns(tmp_path, png, source):
    path = write(
        tmp_path / "t.parquet", {"shot": [png(3), png(4)], "said": ["two words", None], "caption": ["other", "other"]}
    )
    one = source("parquet", path, image="shot", caption="said")
    assert [one.read(item).captions for item in one.listing().items] == [{"en": {"short": "two words"}}, {}]
    for wrong in ({"image": "shoot"}, {"image": "shot", "caption": "title"}, {}):
        with pytest.raises(UserError, match="t.parquet: no column: .*there are shot, said, caption"):
            source("parquet", path, **wrong).listing()


def test_files_that_are_none_are_one_message_alone_and_rows_among_others(tmp_path, png, source, reasons):
    good = write(tmp_path / "good.parquet", {"image": [png()], "key": ["k"]}).read_bytes()
    for name, data in {"a.parquet": b"", "b.parquet": b"hello" * 99, "c.parquet": good[:-9]}.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(UserError, match=f"{name}: (not a valid Parquet file|no column)"):
            source("parquet", tmp_path / name).listing()
    (tmp_path / "d.parquet").write_bytes(good[:4] + good[60:])
    (tmp_path / "link.parquet").symlink_to(tmp_path / "good.parquet")
    found = reasons(source("parquet", tmp_path))
    assert (
        found.keys() == {"a.parquet", "b.parquet", "c.parquet", "d.parquet:1-1", "link.parquet"}
        and "no regular file" in found["link.parquet"]
    )
    (tmp_path / "none").mkdir()
    with pytest.raises(UserError, match="no .parquet files found"):
        source("parquet", tmp_path / "none").listing()


def test_flipped_bytes_are_found_by_the_pages_checksums(tmp_path, png, source, reasons):
    path = tmp_path / "t.parquet"
    columns = {
        "image": pa.array([png(shade) for shade in range(60)]),
        "key": pa.array([f"k{number}" for number in range(60)]),
    }
    write(path, columns, 30, compression="none", use_dictionary=False, write_page_checksum=True)
    data = bytearray(path.read_bytes())
    data[data.index(png(45)) + 20] ^= 1
    path.write_bytes(data)
    found = reasons(source("parquet", path))
    assert found.keys() == {f"k{number}" for number in range(30, 60)} and all(
        "row group 1" in reason for reason in found.values()
    )


def test_a_huge_row_group_is_not_held_whole(tmp_path, source):
    rows = 400
    write(
        tmp_path / "t.parquet",
        {"image": pa.array([bytes(2**18) + bytes([row % 251]) * 2**10 for row in range(rows)])},
        rows,
        compression="none",
        use_dictionary=False,
        write_batch_size=8,
    )
    one = source("parquet", tmp_path / "t.parquet")
    pool = pa.default_memory_pool()
    before, seen = pool.bytes_allocated(), 0
    for row, item in enumerate(one.listing().items):
        assert one.read(item).picture[-1] == row % 251
        seen = max(seen, pool.bytes_allocated() - before)
    assert seen < 4 * ROWS * 2**18, f"{seen / 2**20:.0f} MiB of {rows * 2**18 / 2**20:.0f}"


def test_without_pyarrow_the_message_says_what_to_install(tmp_path, source, monkeypatch):
    path = write(tmp_path / "t.parquet", {"image": [b"x"]})
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UserError, match=r"pip install 'seedream\[data\]'"):
        Source.find("parquet")(path=str(path)).listing()
