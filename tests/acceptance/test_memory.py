"""Peak memory of ingest, curate and the reader over 10,000 and 100,000 samples: what each sample more costs, in
bytes.
"""

import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from seedream_core.data.storage.shards import ShardWriter

FEW, MANY = 10_000, 100_000
BYTES = {"webdataset": 450, "bare": 450, "folder": 450, "jsonl": 250, "parquet": 450}
"""Most that a sample may cost in all processes together; measured from 10,000 to 60,000: 320, 246, 308, 140 and 173."""
PICTURES = []
for shade in range(64):
    PICTURES.append(io.BytesIO())
    Image.linear_gradient("L").resize((64, 64)).rotate(5 * shade).convert("RGB").save(PICTURES[-1], "PNG")
PICTURES = [one.getvalue() for one in PICTURES]


def corpus(folder: Path, kind: str, count: int) -> Path:
    """That many samples, each with a picture and a caption; returns what `source.path` is."""
    folder.mkdir(parents=True)
    name, text = (lambda number: f"picture-{number:07d}"), (lambda number: f"noise number {number}")
    if kind in ("webdataset", "bare"):
        with ShardWriter(folder, 5000) as writer:
            for number in range(count):
                writer.add(name(number), {"png": PICTURES[number % 64], "txt": text(number).encode()})
        for index in folder.glob("*.json") if kind == "bare" else ():
            index.unlink()
        return folder
    if kind == "parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        with pq.ParquetWriter(
            folder / "t.parquet", pa.schema([("key", pa.string()), ("jpg", pa.binary()), ("caption", pa.string())])
        ) as writer:
            for start in range(0, count, 1000):
                rows = range(start, start + 1000)
                writer.write_table(
                    pa.table(
                        {
                            "key": map(name, rows),
                            "jpg": [PICTURES[row % 64] for row in rows],
                            "caption": map(text, rows),
                        },
                        writer.schema,
                    )
                )
        return folder
    for number, data in enumerate(PICTURES):
        (folder / f".{number}.png" if kind == "folder" else folder / f"{number}.png").write_bytes(data)
    if kind == "jsonl":
        with open(folder / "t.jsonl", "w") as lines:
            for number in range(count):
                lines.write(
                    json.dumps({"key": name(number), "image": f"{number % 64}.png", "caption": text(number)}) + "\n"
                )
        return folder / "t.jsonl"
    for number in range(count):
        os.link(folder / f".{number % 64}.png", folder / f"{name(number)}.png")
    return folder


def tree(process: int) -> list[int]:
    """The process and all below it."""
    try:
        below = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:
        return []
    return [process, *(one for child in below for one in tree(int(child)))]


def peak(command: list[str]) -> int:
    """Most bytes that a command and its processes hold at once, shared pages counted once."""
    running, most = (
        subprocess.Popen(command, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}, stderr=subprocess.PIPE),
        0,
    )
    while running.poll() is None:
        total = 0
        for process in tree(running.pid):
            try:
                lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
            except OSError:
                continue
            total += next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)
        most = max(most, total)
        time.sleep(0.1)
    assert running.returncode == 0, running.stderr.read().decode()[-2000:]
    return most


def bytes_a_sample(what: str, few: int, many: int) -> float:
    each = (many - few) / (MANY - FEW)
    print(
        f"{what}: {few / 2**20:.0f} MiB at {FEW:,} samples, {many / 2**20:.0f} MiB at {MANY:,}: {each:.0f} bytes a "
        f"sample, {many / few:.2f}x",
        file=sys.stderr,
    )
    return each


@pytest.mark.slow
@pytest.mark.parametrize("kind", BYTES)
def test_ingest(tmp_path, kind):
    if kind == "parquet":
        pytest.importorskip("pyarrow")
    (tmp_path / "host.yaml").write_text("workers: 2\n")

    def ingest(count: int) -> int:
        path = corpus(tmp_path / f"in{count}", kind, count)
        return peak(
            [
                sys.executable,
                "-m",
                "seedream_cli",
                "data",
                "ingest",
                "--set",
                f"source.name={kind.replace('bare', 'webdataset')}",
                "--set",
                f"source.path={path}",
                "--host",
                str(tmp_path / "host.yaml"),
                "--out",
                str(tmp_path / f"out{count}"),
            ]
        )

    assert bytes_a_sample(f"ingest from {kind}", ingest(FEW), ingest(MANY)) < BYTES[kind]


@pytest.mark.slow
def test_curate(tmp_path):
    (tmp_path / "host.yaml").write_text("workers: 2\n")

    def step(name: str, out: Path, *options: str) -> int:
        chosen = [part for option in options for part in ("--set", option)]
        return peak(
            [
                sys.executable,
                "-m",
                "seedream_cli",
                "data",
                name,
                *chosen,
                "--host",
                str(tmp_path / "host.yaml"),
                "--out",
                str(out),
            ]
        )

    def curate(count: int) -> int:
        step("synthetic", tmp_path / f"in{count}", f"samples={count}", "seed=5301")
        return step(
            "curate", tmp_path / f"out{count}", f"data={tmp_path}/in{count}", "filters=[size, caption]", "dedup=[exact]"
        )

    assert bytes_a_sample("curate", curate(FEW), curate(MANY)) < 600


READ = """
import sys
from seedream_core.data.storage.shards import ShardReader
reader = ShardReader(sys.argv[1])
assert sum(len(reader.read(index)) for index in range(len(reader))) == 2 * len(reader)
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["webdataset", "bare"])
def test_reader(tmp_path, kind):
    def read(count: int) -> int:
        return peak([sys.executable, "-c", READ, str(corpus(tmp_path / f"in{count}", kind, count))])

    assert bytes_a_sample(f"reader of {kind} shards", read(FEW), read(MANY)) < 300
