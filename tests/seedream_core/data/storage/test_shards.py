"""What the writer writes, the reader and webdataset read; every damage of a shard is found and named."""

import io
import json
import os
import pickle
import tarfile

import pytest

from seedream_core.data.storage import shards
from seedream_core.data.storage.shards import DamagedSample, ShardReader, ShardWriter
from seedream_core.data.storage.tar import BLOCK
from seedream_core.errors import DataError, UserError


def members(i: int) -> dict[str, bytes]:
    return {"png": b"\x89PNG" + bytes([i % 251]) * (100 + 7 * i), "json": json.dumps({"i": i}).encode()}


def write(folder, count=25, per_shard=10):
    with ShardWriter(folder, per_shard) as writer:
        for i in range(count):
            writer.add(f"s{i:04d}", members(i))


def foreign(folder, items, name="00000.tar", **options):
    folder.mkdir(exist_ok=True)
    with tarfile.open(folder / name, "w", **options) as archive:
        for member, data in items:
            info = tarfile.TarInfo(member)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def pairs(count):
    return [(f"s{i:04d}.{ext}", data) for i in range(count) for ext, data in members(i).items()]


def test_some_members_alone(tmp_path):
    write(tmp_path)
    reader = ShardReader(tmp_path)
    assert reader.read(17, "json") == {"json": members(17)["json"]} and reader.read(17, "txt") == {}
    assert reader.read(17, "png", "json") == members(17)


def test_round_trip(tmp_path):
    write(tmp_path / "shards")
    assert sorted(os.listdir(tmp_path / "shards")) == sorted(
        f"0000{i}.{kind}" for i in range(3) for kind in ("tar", "index.json")
    )
    reader = ShardReader(tmp_path)
    assert len(reader) == 25 and reader.keys[:2] == ["s0000", "s0001"] and reader.damage == []
    assert all(reader.read(i) == members(i) for i in range(25))
    assert reader.shard(24) == "00002.tar"
    assert pickle.loads(pickle.dumps(reader)).read(24) == members(24)


def test_shards_are_the_same_bytes_every_time(tmp_path):
    write(tmp_path / "a")
    write(tmp_path / "b")
    for name in os.listdir(tmp_path / "a"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_without_index_the_shard_is_scanned(tmp_path):
    write(tmp_path)
    for path in tmp_path.glob("*.index.json"):
        path.unlink()
    reader = ShardReader(tmp_path)
    assert not reader.damage and [reader.read(i) for i in range(25)] == [members(i) for i in range(25)]


def test_webdataset_reads_ours(tmp_path):
    webdataset = pytest.importorskip("webdataset")
    write(tmp_path, 10)
    seen = list(webdataset.WebDataset(str(tmp_path / "00000.tar"), shardshuffle=False))
    assert [s["__key__"] for s in seen] == [f"s{i:04d}" for i in range(10)]
    assert [{"png": s["png"], "json": s["json"]} for s in seen] == [members(i) for i in range(10)]


def test_we_read_webdatasets(tmp_path):
    webdataset = pytest.importorskip("webdataset")
    with webdataset.ShardWriter(f"{tmp_path}/%05d.tar", maxcount=10, verbose=0) as sink:
        for i in range(25):
            sink.write({"__key__": f"s{i:04d}"} | members(i))
    reader = ShardReader(tmp_path)
    assert not reader.damage and sorted(reader.keys) == [f"s{i:04d}" for i in range(25)]
    assert all(reader.read(i) == members(int(key[1:])) for i, key in enumerate(reader.keys))


def test_a_killed_writer_leaves_no_final_name(tmp_path):
    with pytest.raises(KeyboardInterrupt), ShardWriter(tmp_path, 10) as writer:
        for i in range(15):
            writer.add(f"s{i}", members(i))
        raise KeyboardInterrupt
    assert sorted(os.listdir(tmp_path)) == ["00000.index.json", "00000.tar"]
    child = os.fork()
    if child == 0:
        writer = ShardWriter(tmp_path, 10, first=1)
        for i in range(5):
            writer.add(f"t{i}", members(i))
        os._exit(9)
    os.waitpid(child, 0)
    assert sorted(path.name for path in tmp_path.glob("*.tar")) == ["00000.tar"]
    assert (tmp_path / ".00001.tar.tmp").exists()
    (tmp_path / ".00000.index.json.0123abcd.tmp").touch()
    with ShardWriter(tmp_path, 10, first=1) as writer:
        assert [path.name for path in tmp_path.glob(".*")] == []
        writer.add("t0", members(0))
    assert len(ShardReader(tmp_path)) == 11
    with ShardWriter(tmp_path, 10) as writer:
        writer.add("u0", members(0))
    assert ShardReader(tmp_path).keys == ["u0"]


@pytest.mark.parametrize(
    "key, extension",
    [
        ("../x", "png"),
        ("/x", "png"),
        ("a.b", "png"),
        ("键", "png"),
        ("a", "pkl"),
        ("a", "pyd"),
        ("a", "../png"),
        ("a", "cls.npy"),
    ],
)
def test_the_writer_refuses(tmp_path, key, extension):
    with ShardWriter(tmp_path) as writer, pytest.raises(DataError):
        writer.add(key, {extension: b"x"})


def test_the_writer_refuses_twice_and_too_large(tmp_path):
    with ShardWriter(tmp_path) as writer:
        writer.add("a", members(0))
        with pytest.raises(DataError, match="twice"):
            writer.add("a", members(0))
        with pytest.raises(DataError, match="65537"):
            writer.add("b", {"json": b" " * 65537})


def flip(path, offset):
    data = bytearray(path.read_bytes())
    data[offset] ^= 0x10
    path.write_bytes(bytes(data))


def cut(path, size):
    path.write_bytes(path.read_bytes()[:size])


def place(folder, key, extension):
    return json.loads((folder / "00000.index.json").read_text())["samples"][key][extension]


SEVEN = {
    "sample boundary": lambda f: cut(f / "00000.tar", place(f, "s0005", "png")[0]),
    "between members": lambda f: cut(f / "00000.tar", place(f, "s0005", "json")[0]),
    "inside a payload": lambda f: cut(f / "00000.tar", place(f, "s0005", "png")[0] + BLOCK + 20),
    "header byte": lambda f: flip(f / "00000.tar", place(f, "s0005", "png")[0] + 3),
    "data byte": lambda f: flip(f / "00000.tar", place(f, "s0005", "png")[0] + BLOCK + 20),
    "empty": lambda f: cut(f / "00000.tar", 0),
}


@pytest.mark.parametrize("kind", SEVEN)
def test_every_damage_is_found_with_the_index(tmp_path, kind):
    write(tmp_path, 10)
    SEVEN[kind](tmp_path)
    reader = ShardReader(tmp_path)
    good = []
    for i, key in enumerate(reader.keys):
        try:
            assert reader.read(i) == members(int(key[1:]))
            good.append(key)
        except DamagedSample as error:
            assert error.damage in reader.damage
    assert "s0005" not in good
    lost = {d.key: d for d in reader.damage if d.key}
    assert "s0005" in lost and lost.keys() | set(good) == {f"s{i:04d}" for i in range(10)}
    assert lost["s0005"].shard == "00000.tar" and lost["s0005"].offset >= 0 and "s0005" in lost["s0005"].reason


@pytest.mark.parametrize("kind", [kind for kind in SEVEN if kind != "data byte"])
def test_damage_is_found_without_the_index(tmp_path, kind):
    # One flipped byte of a payload cannot be seen in a bare tar; decoding finds it (stages/data/test_curate.py).
    write(tmp_path, 10)
    SEVEN[kind](tmp_path)
    (tmp_path / "00000.index.json").unlink()
    reader = ShardReader(tmp_path)
    assert reader.damage and all(reader.read(i) == members(int(key[1:])) for i, key in enumerate(reader.keys))
    whole = {"header byte": {0, 1, 2, 3, 4, 6, 7, 8, 9}, "empty": set()}.get(kind, set(range(5)))
    assert set(reader.keys) == {f"s{i:04d}" for i in whole}


@pytest.mark.parametrize("member", range(6))
def test_behind_a_broken_header_the_walk_goes_on_and_no_half_sample_passes(tmp_path, member):
    triples = [(f"s{i}.{ext}", bytes([i]) * 700) for i in range(6) for ext in ("png", "txt", "json")]
    foreign(tmp_path, triples)
    flip(tmp_path / "00000.tar", (6 + member) * 3 * BLOCK + 5)
    reader = ShardReader(tmp_path)
    lost = 2 + member // 3
    assert reader.keys == [f"s{i}" for i in range(6) if i != lost] and all(len(reader.read(i)) == 3 for i in range(5))
    assert "bad header" in reader.damage[0].reason and f"the {3 * BLOCK} bytes" in reader.damage[0].reason
    assert [damage.key for damage in reader.damage[1:]] == [f"s{lost}"] and "may lack members" in reader.damage[
        1
    ].reason


def test_interleaved_keys_make_no_half_samples(tmp_path):
    items = pairs(4)
    items[2], items[1] = items[1], items[2]
    foreign(tmp_path, items)
    reader = ShardReader(tmp_path)
    assert reader.keys == ["s0002", "s0003"]
    assert {d.key for d in reader.damage} == {"s0000", "s0001"} and "apart" in reader.damage[0].reason


def test_a_broken_index_is_named_and_the_shard_scanned(tmp_path):
    write(tmp_path, 10)
    index = tmp_path / "00000.index.json"
    tree = json.loads(index.read_text())
    for text in (
        "{",
        "[" * 10**5,
        "{}",
        json.dumps(tree | {"shard": "00001.tar"}),
        json.dumps(tree | {"bytes": "9"}),
        json.dumps(tree | {"samples": {"../x": {"png": [0, 1, 2]}}}),
        json.dumps(tree | {"samples": {"x": {"pkl": [0, 1, 2]}}}),
        json.dumps(tree | {"samples": {"x": {"png": [-512, 1, 2]}}}),
        json.dumps(tree | {"samples": {"x": {"png": [0, 10**15, 2]}}}),
    ):
        index.write_text(text)
        reader = ShardReader(tmp_path)
        assert len(reader) == 10 and "unusable" in reader.damage[0].reason, text
    (tmp_path / "00000.tar").unlink()
    index.write_text(json.dumps(tree))
    reader = ShardReader(tmp_path)
    assert len(reader) == 0 and reader.damage[0].reason == "missing" and len(reader.damage) == 11


def test_hostile_members(tmp_path):
    foreign(
        tmp_path,
        [
            *pairs(2),
            ("../out.png", b"x"),
            ("/etc/x.png", b"x"),
            ("a/../../b.png", b"x"),
            ("c\n.png", b"x"),
            ("d\\e.png", b"x"),
            ("s0002.png", b"x"),
            ("s0002.pkl", b"x"),
            ("s0002.pyd", b"x"),
            ("s0003.json", b" " * 70000),
            (".hidden", b""),
            ("t/s0004.png", b"x"),
            ("t/s0004.png", b"x"),
        ],
    )
    reader = ShardReader(tmp_path)
    assert reader.keys == ["s0000", "s0001", "s0002"]
    assert reader.read(2) == {"png": b"x"}
    assert reader.ignored == {"pkl": 1, "pyd": 1, "hidden": 1}
    assert sum("unsafe" in d.reason for d in reader.damage) == 5
    assert {d.key for d in reader.damage if d.key} == {"s0003", "t/s0004"}


@pytest.mark.parametrize(
    "key", ["全角\u3000空格", "no\u00a0break", "Screenshot at 9:41\u202fPM", "می\u200cخواهم", "👩\u200d🎨", "\ue000"]
)
def test_spaces_and_joiners_of_any_script_are_part_of_a_name(tmp_path, key):
    foreign(tmp_path, [(f"{key}.png", b"x"), (f"{key}.txt", b"y")])
    reader = ShardReader(tmp_path)
    assert reader.keys == [key] and not reader.damage and reader.read(0) == {"png": b"x", "txt": b"y"}


@pytest.mark.parametrize(
    "key", ["bell\a", "c\u0085", "\u202egnp", "\u2066x", "\u200bx", "\ufeffx", "line\u2028x", "../x"]
)
def test_an_unsafe_name_is_one_row_for_all_members(tmp_path, key):
    foreign(
        tmp_path,
        [("a.png", b"x"), *((f"{key}.{extension}", b"x") for extension in ("png", "txt", "json")), ("b.png", b"x")],
    )
    reader = ShardReader(tmp_path)
    assert reader.keys == ["a", "b"] and [damage.key for damage in reader.damage] == [None]
    assert (
        "is unsafe" in reader.damage[0].reason
        and reader.damage[0].reason.isprintable()
        and reader.damage[0].offset in (2 * BLOCK, 4 * BLOCK)
    )


def test_unsafe_names_that_begin_with_a_dot_have_a_row_each(tmp_path):
    foreign(
        tmp_path,
        [
            ("a.png", b"x"),
            (".\u202ehid1.png", b"x"),
            (".\u202ehid2.png", b"x"),
            ("s/.\u202ehid2.png", b"x"),
            (".hidden.png", b"x"),
        ],
    )
    reader = ShardReader(tmp_path)
    assert (
        reader.keys == ["a"]
        and [f"hid{number}.png" in damage.reason for damage, number in zip(reader.damage, (1, 2, 2), strict=True)]
        == [True] * 3
    )
    assert reader.ignored == {"hidden": 1}


@pytest.mark.parametrize("extension", ["jfif", "jpe", "JFIF"])
def test_all_names_of_a_jpeg_are_read(tmp_path, extension):
    foreign(tmp_path, [(f"a.{extension}", b"x"), ("a.txt", b"y"), (f"b.5.{extension}", b"z")])
    reader = ShardReader(tmp_path)
    assert reader.read(0) == {extension.lower(): b"x", "txt": b"y"} and [damage.key for damage in reader.damage] == [
        "b"
    ]


def test_a_name_that_is_no_utf8_is_unsafe(tmp_path):
    with tarfile.open(tmp_path / "0.tar", "w", format=tarfile.GNU_FORMAT, encoding="gbk") as archive:
        archive.addfile(tarfile.TarInfo("星.png"), io.BytesIO())
    assert ["is unsafe" in damage.reason for damage in ShardReader(tmp_path).damage] == [True]


def test_a_picture_that_is_not_ours_leaves_a_row(tmp_path):
    strange = ["9.gif", "1.5x.jpg", "1.6x.jpg", "s/deep.final.v2.JPEG", "h.HEIC", "t.orig.tif"]
    foreign(
        tmp_path,
        pairs(1)
        + [(name, b"x") for name in strange]
        + [
            ("beside.gif", b"x"),
            ("beside.txt", b"x"),
            ("model.pkl", b"x"),
            ("notes.md", b"x"),
            ("gif.gifs", b"x"),
            (".hidden.jpg", b"x"),
        ],
    )
    reader = ShardReader(tmp_path)
    assert reader.keys == ["s0000", "beside"] and sum(reader.ignored.values()) == len(strange) + 5
    assert [damage.key for damage in reader.damage] == ["9", "1", "s/deep", "h", "t"]
    assert (
        all("no png, jpg, jpeg or webp" in damage.reason for damage in reader.damage)
        and "1.5x.jpg" in reader.damage[1].reason
    )


def test_a_member_over_the_cap_is_not_read(tmp_path):
    from seedream_core.data.storage.tar import END, header

    with open(tmp_path / "0.tar", "wb") as file:
        file.write(header("a.png", 65 * 2**20))
        file.seek(65 * 2**20, 1)
        file.write(header("b.png", 0) + END)
    reader = ShardReader(tmp_path)
    assert reader.keys == ["b"] and reader.damage[0].key == "a" and "over 67108864" in reader.damage[0].reason


def test_one_key_in_two_shards(tmp_path):
    foreign(tmp_path, pairs(2), "a.tar")
    foreign(tmp_path, pairs(3), "b.tar")
    reader = ShardReader(tmp_path)
    assert reader.keys == ["s0000", "s0001", "s0002"]
    assert [d.key for d in reader.damage] == ["s0000", "s0001"] and "already in a.tar" in reader.damage[0].reason


def test_no_shards(tmp_path):
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(UserError, match="no shards"):
            ShardReader(folder)
    os.mkfifo(tmp_path / "pipe.tar")
    with pytest.raises(UserError, match="not a regular file"):
        ShardReader(tmp_path)


def test_more_shards_than_open_files(tmp_path):
    write(tmp_path, 100, per_shard=1)
    reader = ShardReader(tmp_path)
    assert all(reader.read(i) == members(i) for i in (*range(100), *range(0, 100, 7)))
    assert len(reader._open) <= 64


class Full:
    """A file on a disk that is full from some byte on, as `open` gives it: closing it fails as well."""

    def __init__(self, path, mode, buffering):
        self.file, self.room = open(path, mode), 20_000

    def write(self, data):
        self.room -= len(data)
        if self.room < 0:
            raise OSError(28, "No space left on device")
        return self.file.write(data)

    def close(self):
        self.file.close()
        raise OSError(28, "No space left on device")


def test_a_full_disk_leaves_whole_shards_and_no_temporary_file(tmp_path, monkeypatch):
    write(tmp_path, count=10)
    monkeypatch.setattr(shards, "open", Full, raising=False)
    with pytest.raises(OSError, match="No space left"), ShardWriter(tmp_path, 100, first=1) as writer:
        for i in range(10, 100):
            writer.add(f"s{i:04d}", members(i))
    assert sorted(os.listdir(tmp_path)) == ["00000.index.json", "00000.tar"]


def test_a_disk_that_is_full_at_the_last_moment_leaves_no_temporary_file(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    for place in ((os, "fsync"), (shards, "write_atomic"), (os, "replace")):
        with (
            monkeypatch.context() as patched,
            pytest.raises(OSError, match="No space left"),
            ShardWriter(tmp_path) as writer,
        ):
            writer.add("s1", members(1))
            patched.setattr(*place, full)
        assert not [name for name in os.listdir(tmp_path) if name.endswith((".tmp", ".tar"))]
