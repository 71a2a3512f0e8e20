"""Members are read whole or not at all, small or large, and an open shard closes itself."""

import os
import pickle
import zlib

import pytest

from seedream_core.data.storage.members import APART, NO_CRC, DamagedSample, MemberPlaces, ShardFile
from seedream_core.data.storage.tar import BLOCK, END, header, padding
from seedream_core.errors import UserError


@pytest.fixture(params=[0, 700, APART - 1, APART, APART + 700])
def shard(request, tmp_path):
    """A shard of two members of that size, and where they are."""
    numbers, data = [], b""
    for name in ("k.png", "k.json"):
        head, payload = header(name, request.param), os.urandom(request.param)
        numbers += [len(data), request.param, zlib.crc32(head + payload)]
        data += head + payload + bytes(padding(request.param))
    (tmp_path / "0.tar").write_bytes(data + END)
    return tmp_path / "0.tar", MemberPlaces(("png", "json"), numbers)


def test_members_come_back_whole(shard):
    path, places = shard
    data = path.read_bytes()
    members = ShardFile(path).read("k", *places)
    assert list(members) == ["png", "json"]
    assert all(
        members[extension] == data[offset + BLOCK : offset + BLOCK + size]
        for extension, offset, size, _ in places.members()
    )


@pytest.mark.parametrize("part", ["name", "last byte"])
def test_a_flipped_byte_is_damage_where_a_crc_tells(shard, part):
    path, places = shard
    data, offset = bytearray(path.read_bytes()), places.numbers[3]
    data[offset + (3 if part == "name" else BLOCK + places.numbers[4] - 1)] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedSample, match="k.json fails its CRC32") as error:
        ShardFile(path).read("k", *places)
    assert (error.value.damage.shard, error.value.damage.offset, error.value.damage.key) == ("0.tar", offset, "k")
    unknown = [*places.numbers[:5], NO_CRC]
    assert len(ShardFile(path).read("k", places.layout, unknown)) == 2
    again = pickle.loads(pickle.dumps(error.value))
    assert (str(again), again.damage) == (str(error.value), error.value.damage)


def test_a_shard_cut_after_it_was_opened_is_damage(shard):
    path, places = shard
    one = ShardFile(path)
    os.truncate(path, places.numbers[3] + BLOCK - 1 + places.numbers[4])
    with pytest.raises(DamagedSample, match="k.json is cut short"):
        one.read("k", *places)


def test_what_is_no_file_is_refused_and_nothing_stays_open(tmp_path):
    before = len(os.listdir("/proc/self/fd"))
    os.mkfifo(tmp_path / "pipe.tar")
    with pytest.raises(UserError, match="not a regular file"):
        ShardFile(tmp_path / "pipe.tar")
    (tmp_path / "0.tar").write_bytes(END)
    ShardFile(tmp_path / "0.tar")
    assert len(os.listdir("/proc/self/fd")) == before
