"""Archives from outside: what is a sound regular file comes out, whatever else is named with its place."""

import io
import os
import tarfile

import pytest

from seedream_core.data.storage.tar import BLOCK, END, Damage, Member, header, padding, scan


def walk(tmp_path, data: bytes) -> tuple[list[Member], list[Damage]]:
    path = tmp_path / "x.tar"
    path.write_bytes(data)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        items = list(scan(descriptor, "x.tar"))
    finally:
        os.close(descriptor)
    return [i for i in items if isinstance(i, Member)], [i for i in items if isinstance(i, Damage)]


def pack(name: str, data: bytes) -> bytes:
    return header(name, len(data)) + data + bytes(padding(len(data)))


def info(name: str, **fields) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(made, field, value)
    return made


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_reads_every_format_of_tarfile(tmp_path, format):
    names = ["a.png", "folder/" * 12 + "long.json", "图片.txt"]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format) as archive:
        archive.addfile(info("folder", type=tarfile.DIRTYPE))
        for name in names:
            archive.addfile(
                info(name, size=len(name), mtime=1.5 if format == tarfile.PAX_FORMAT else 1),
                io.BytesIO(b"x" * len(name)),
            )
    members, damage = walk(tmp_path, buffer.getvalue())
    assert not damage and [m.name for m in members] == names
    for member in members:
        assert buffer.getvalue()[member.offset + BLOCK :][: member.size] == b"x" * len(member.name)


def test_our_headers_are_ustar(tmp_path):
    data = pack("a.png", b"123") + pack("a.json", b"{}") + END
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert archive.getnames() == ["a.png", "a.json"] and archive.extractfile("a.png").read() == b"123"
    assert walk(tmp_path, data)[1] == []


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused_and_the_rest_is_read(tmp_path, kind):
    evil = info("a.png", type=kind, linkname="/etc/passwd").tobuf(tarfile.USTAR_FORMAT)
    members, damage = walk(tmp_path, evil + pack("b.png", b"1") + END)
    assert [m.name for m in members] == ["b.png"]
    assert len(damage) == 1 and "refused" in damage[0].reason and damage[0].offset == 0 and not damage[0].breaks


def test_negative_size(tmp_path):
    block = bytearray(header("a.png", 0))
    block[124:136] = b"\xff" * 11 + b"\xfe"
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    _, damage = walk(tmp_path, bytes(block) + END)
    assert "negative" in damage[0].reason and damage[0].breaks


def test_an_eight_gigabyte_promise_is_not_read(tmp_path):
    members, damage = walk(tmp_path, header("a.png", 8 * 2**30 - 1) + b"x" * BLOCK)
    assert not members and "cut inside 'a.png'" in damage[0].reason
    strange = info("a", type=b"Z", size=2**80).tobuf(tarfile.GNU_FORMAT)
    assert "cut inside" in walk(tmp_path, strange + END)[1][0].reason


def test_pax_bombs_and_lies(tmp_path):
    huge = info("p", type=tarfile.XHDTYPE, size=2**20).tobuf(tarfile.USTAR_FORMAT)
    assert "extended header of" in walk(tmp_path, huge + bytes(2**20) + END)[1][0].reason
    for record in (b"9999 path=x\n", b"0 path=x\n", b"nonsense", b"9 pathxx\n"):
        lie = info("p", type=tarfile.XHDTYPE, size=len(record)).tobuf(tarfile.USTAR_FORMAT)
        members, damage = walk(tmp_path, lie + record + bytes(padding(len(record))) + pack("a.png", b"") + END)
        assert not members and "broken extended header" in damage[0].reason
    digits = b"1" * 5000 + b" path=x\n"
    lie = info("p", type=tarfile.XHDTYPE, size=len(digits)).tobuf(tarfile.USTAR_FORMAT)
    assert "broken extended header" in walk(tmp_path, lie + digits + bytes(padding(len(digits))) + END)[1][0].reason
    size = b"5010 size=" + b"1" * 4999 + b"\n"
    lie = info("p", type=tarfile.XHDTYPE, size=len(size)).tobuf(tarfile.USTAR_FORMAT)
    assert (
        "unreadable size"
        in walk(tmp_path, lie + size + bytes(padding(len(size))) + pack("a.png", b"") + END)[1][0].reason
    )
    rename = b"12 path=b/c\n"
    everywhere = info("g", type=tarfile.XGLTYPE, size=len(rename)).tobuf(tarfile.USTAR_FORMAT)
    assert "global header" in walk(tmp_path, everywhere + rename + bytes(padding(12)) + END)[1][0].reason


@pytest.mark.parametrize(
    "change, reason",
    [
        (lambda d: b"", "empty file"),
        (lambda d: d[: 2 * BLOCK], "no end-of-archive"),
        (lambda d: d[: BLOCK + 3], "cut inside"),
        (lambda d: d[: 2 * BLOCK + 100], "no end-of-archive"),
        (lambda d: d[: 2 * BLOCK + 5] + b"!" + d[2 * BLOCK + 6 :], "bad header"),
        (lambda d: d[:-BLOCK], "half an end-of-archive"),
        (lambda d: d[: 2 * BLOCK] + bytes(BLOCK) + d[2 * BLOCK :], "empty header in the middle"),
        (lambda d: d + d, "after the end of the archive"),
        (lambda d: b"not a tar file" * 100, "bad header"),
    ],
)
def test_damage(tmp_path, change, reason):
    sound = pack("a.png", b"12345") + pack("b.png", b"67890") + END
    _, damage = walk(tmp_path, change(sound))
    assert len(damage) == 1 and reason in damage[0].reason and damage[0].shard == "x.tar"


def test_behind_a_bad_header_the_next_sound_one_is_found(tmp_path):
    decoy = b"x" * 100 + b"ustar" + bytes(200) + header("decoy.png", 5)[:200]
    data = pack("a.png", decoy * 30) + pack("b.png", b"67890") + pack("c.png", b"1") + END
    for broken in (b"?" + data[1:], bytes(BLOCK) + data[BLOCK:]):
        members, damage = walk(tmp_path, broken)
        assert [member.name for member in members] == ["b.png", "c.png"]
        assert [(one.offset, one.breaks) for one in damage] == [(0, True)]


def test_a_break_at_every_second_block_is_walked_in_time(tmp_path):
    data = (b"?" * BLOCK + header("a.png", 0)) * 10_000
    members, damage = walk(tmp_path, data)
    assert len(members) == 10_000 and len(damage) == 10_001
