"""Ingest as a person starts it: hostile pictures, seven damaged shards on 1, 2 and 4 processes, and kill -9 at random
moments.
"""

import io
import json
import os
import random
import resource
import signal
import struct
import subprocess
import sys
import time
import zlib

import pytest
from PIL import Image

from seedream_core.data.storage.shards import ShardReader, ShardWriter
from seedream_core.data.storage.tar import BLOCK

ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
SHARDS, EACH = 9, 40


def command(kind: str, path, out, workers: int, *options: str) -> list[str]:
    host = out.parent / f"host{workers}.yaml"
    host.write_text(f"workers: {workers}\n")
    sets = [f"source.name={kind}", f"source.path={path}", "bad_budget=1", "samples_per_shard=100", *options]
    return [
        sys.executable,
        "-m",
        "seedream_cli",
        "data",
        "ingest",
        *(word for one in sets for word in ("--set", one)),
        "--host",
        str(host),
        "--out",
        str(out),
    ]


def files(out) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in [*out.glob("shards/*"), out / "fates.jsonl"]}


def fates(out) -> list[dict]:
    return [json.loads(line) for line in (out / "fates.jsonl").read_text().splitlines()]


def png(number: int) -> bytes:
    data = io.BytesIO()
    Image.frombytes("RGB", (16, 12), random.Random(number).randbytes(576)).save(data, "PNG")
    return data.getvalue()


@pytest.fixture(scope="module")
def seven(tmp_path_factory):
    """Nine shards: each of the first seven with a damage of its own in sample 20, the last two whole."""
    folder = tmp_path_factory.mktemp("seven")
    with ShardWriter(folder, EACH) as writer:
        for number in range(SHARDS * EACH):
            writer.add(f"s{number:04d}", {"png": png(number), "txt": f"noise {number}".encode()})
    for shard in range(7):
        path, key = folder / f"{shard:05d}.tar", f"s{shard * EACH + 20:04d}"
        place = json.loads((folder / f"{shard:05d}.index.json").read_text())["samples"][key]
        data, start, text = bytearray(path.read_bytes()), place["png"][0], place["txt"][0]
        if shard in (0, 1, 2, 3):
            del data[(start, text, start + BLOCK + 60, 0)[shard] :]
        elif shard in (4, 5):
            data[start + (3 if shard == 4 else BLOCK + 70)] ^= 0x20
        else:
            following = text + 2 * BLOCK
            end = following + BLOCK + -(-int(data[following + 124 : following + 135], 8) // BLOCK) * BLOCK
            data[text:end] = data[following:end] + data[text:following]
        path.write_bytes(data)
    return folder


LOST = [20, 20, 20, 40, 1, 1, 2]


@pytest.mark.slow
def test_seven_damaged_shards_are_the_same_list_on_1_2_and_4_processes(seven, tmp_path):
    for workers in (1, 2, 4):
        done = subprocess.run(
            command("webdataset", seven, tmp_path / str(workers), workers),
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
    assert files(tmp_path / "1") == files(tmp_path / "2") == files(tmp_path / "4")
    rows = [row for row in fates(tmp_path / "1") if row["fate"] == "quarantined"]
    for shard in range(7):
        mine = [row for row in rows if row["source"].startswith(f"{shard:05d}.tar")]
        assert mine and all("byte " in row["reason"] for row in mine), shard
        assert {f"s{shard * EACH + 20:04d}"} <= {row["name"] for row in mine}
    assert {row["source"][:5] for row in rows} == {f"{shard:05d}" for shard in range(7)}
    kept = ShardReader(tmp_path / "1")
    assert len(kept) == SHARDS * EACH - sum(LOST) and not kept.damage
    assert all(kept.read(index)["png"] == png(int(key[1:])) for index, key in enumerate(kept.keys))


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def black(width: int, height: int) -> bytes:
    """A sound PNG of that size, small as a file."""
    squeeze = zlib.compressobj(9)
    data = b"".join(squeeze.compress(bytes(1 + width)) for _ in range(height)) + squeeze.flush()
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
        + chunk(b"IDAT", data)
        + chunk(b"IEND", b"")
    )


def gif(frames: int) -> bytes:
    frame = b"\x21\xf9\x04\0\0\0\0\0\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\0"
    return b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes(6) + frame * frames + b"\x3b"


@pytest.mark.slow
def test_hostile_pictures_cost_little_and_harm_nobody(tmp_path):
    (folder := tmp_path / "in").mkdir()
    small = black(8, 8)
    bombs = {
        "100mp.png": (black(10_000, 10_000), "over 64 million"),
        "196mp.png": (black(14_000, 14_000), "exceeds limit"),
        "64mp.png": (black(8000, 8000), ""),
        "64mp1.png": (black(8000, 8001), "over 64 million"),
        "frames.gif": (gif(300_000), ""),
        "text.png": (small[:33] + chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(2**28))) + small[33:], "too large"),
        "profile.png": (small[:33] + chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(2**28))) + small[33:], "too large"),
        "heavy.png": (small + bytes(65 * 2**20), "over 67108864"),
        "postscript.png": (b"%!PS-Adobe-3.0 EPSF-3.0\n", "no PNG"),
        "canary.png": (b"cos\nsystem\n(S'touch canary'\ntR.", "no PNG"),
    }
    for name, (data, _) in bombs.items():
        (folder / name).write_bytes(data)
    (folder / "good.png").write_bytes(png(1))
    (tmp_path / "away").mkdir()
    started = time.monotonic()
    done = subprocess.run(
        command("folder", folder, tmp_path / "out", 1),
        env=ENVIRONMENT,
        cwd=tmp_path / "away",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    rows = {row["name"]: row for row in fates(tmp_path / "out")}
    assert {
        name: row["reason"] for name, row in rows.items() if name in bombs and bombs[name][1] not in row["reason"]
    } == {}
    assert {name for name, row in rows.items() if row["fate"] == "kept"} == {
        "good.png",
        *(name for name, (_, word) in bombs.items() if not word),
    }
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"hostile pictures: {time.monotonic() - started:.1f} s, at most {most:.0f} MiB", file=sys.stderr)
    assert most < 700 and not list((tmp_path / "away").iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_killed_at_random_moments_it_goes_on_to_the_same_bytes(tmp_path, workers):
    (folder := tmp_path / "in").mkdir()
    for number in range(1500):
        data = io.BytesIO()
        Image.frombytes("RGB", (64, 64), random.Random(number).randbytes(64 * 64 * 3)).convert("CMYK").save(
            data, "TIFF"
        )
        (folder / f"p{number:04d}.tif").write_bytes(data.getvalue() if number % 100 else b"bad")
    assert (
        subprocess.run(
            command("folder", folder, tmp_path / "whole", workers), env=ENVIRONMENT, capture_output=True
        ).returncode
        == 0
    )
    rng, made = random.Random(workers), 0
    for shards in (2, 5, 9, 12):
        # Its own process group: kill -9 takes the workers with it.
        running = subprocess.Popen(
            command("folder", folder, tmp_path / "killed", workers),
            env=ENVIRONMENT,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        while (made := len(list((tmp_path / "killed").glob("shards/*.tar")))) < shards:
            assert running.poll() is None
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.1))
        os.killpg(running.pid, signal.SIGKILL)
        assert running.wait() == -9 and not (tmp_path / "killed" / "artifact.json").exists()
        print(f"killed at {made} of 15 shards", file=sys.stderr)
    done = subprocess.run(
        command("folder", folder, tmp_path / "killed", workers), env=ENVIRONMENT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert (
        files(tmp_path / "killed") == files(tmp_path / "whole")
        and len(list((tmp_path / "whole").glob("shards/*.tar"))) == 15
    )
