"""Rows of the log: means over their steps, the pictures seen, and what a torn line leaves."""

import csv

import pytest
import toy_training as toy

from seedream_core.logs import read_rows


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    out = tmp_path_factory.mktemp("rows")
    toy.run(out / "sparse", toy.config(steps=12, log_every=4))
    toy.run(out / "dense", toy.config(steps=12, log_every=1))
    return out


def test_a_row_is_the_mean_of_its_steps(out):
    sparse, dense = (read_rows(out / name / "logs" / "metrics.jsonl") for name in ("sparse", "dense"))
    assert [row["step"] for row in sparse] == [4, 8, 12]
    assert len(dense) == 12
    for row in sparse:
        part = dense[row["step"] - 4 : row["step"]]
        assert row["loss"] == pytest.approx(sum(one["loss"] for one in part) / 4, rel=1e-12)
        assert row["twice"] == pytest.approx(2 * row["loss"], rel=1e-6)
        assert row["lr"] == part[-1]["lr"]
        assert row["samples"] == part[-1]["samples"]


def test_table_holds_the_same_rows(out):
    rows = read_rows(out / "dense" / "logs" / "metrics.jsonl")
    with open(out / "dense" / "logs" / "metrics.csv") as file:
        table = list(csv.DictReader(file))
    assert [float(line["loss"]) for line in table] == [row["loss"] for row in rows]
    assert {"images_per_second", "gflops", "matmul_share", "data_share", "seconds"} <= table[0].keys()
