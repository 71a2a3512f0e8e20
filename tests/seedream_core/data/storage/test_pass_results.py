"""A pass that is killed goes on at its last state, and memory holds no features."""

import json

import numpy as np
import pytest

from seedream_core.data.storage import pass_results
from seedream_core.data.storage.pass_results import PassResults, PassRow, choose


def row(number: int) -> PassRow:
    return PassRow(
        key=f"k{number}",
        source="00000.tar",
        position=number,
        fate="dropped" if number % 3 == 0 else "kept",
        reason="名" if number % 3 == 0 else "",
        scores={"a": number / 8},
    )


def features(number: int) -> dict:
    return {"digest": np.full(4, number, np.uint8), "embedding": np.full((2, 3), number, np.float16)}


def fill(book: PassResults, last: int) -> None:
    for number in range(book.done, last):
        book.add(row(number), features(number))


def test_a_killed_pass_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(pass_results, "EVERY", 5)
    with pytest.raises(KeyboardInterrupt), PassResults(tmp_path / "a", "x") as book:
        fill(book, 13)
        raise KeyboardInterrupt
    with PassResults(tmp_path / "a", "x") as book:
        assert book.done == 10 and book.kept == 6 and [one.key for one in book.rows()] == [f"k{n}" for n in range(10)]
        fill(book, 30)
    with PassResults(tmp_path / "b", "x") as whole:
        fill(whole, 30)
    assert list(book.rows()) == list(whole.rows()) == [row(number) for number in range(30)]
    for name, values in book.features().items():
        assert np.array_equal(values, np.stack([features(n)[name] for n in range(30) if n % 3]))
        assert values.dtype == features(0)[name].dtype and np.array_equal(values, whole.features()[name])


def test_another_input_begins_anew(tmp_path):
    with PassResults(tmp_path, "x") as book:
        fill(book, 4)
    with PassResults(tmp_path, "y") as book:
        assert book.done == 0 and not book.shapes
        fill(book, 2)
    assert json.loads((tmp_path / "state.json").read_bytes())["made_from"] == "y"


def test_features_of_another_shape_are_refused(tmp_path):
    with pytest.raises(ValueError, match="digest of k2 is uint8"), PassResults(tmp_path, "x") as book:
        book.add(row(1), features(1))
        book.add(row(2), features(2) | {"digest": np.zeros(5, np.uint8)})


def test_chosen_rows_are_files_of_numpy(tmp_path, monkeypatch):
    monkeypatch.setattr(pass_results, "BLOCK", 3)
    values = np.arange(40, dtype=np.float16).reshape(20, 2)
    rows = np.array([0, 3, 4, 5, 11, 19, 2])
    assert np.array_equal(choose({"e": values}, rows, tmp_path / "f")["e"], values[rows])
    assert np.array_equal(np.load(tmp_path / "f" / "e.npy"), values[rows])
    assert choose({"e": values}, rows[:0], tmp_path / "f")["e"].shape == (0, 2)


def test_a_feature_that_one_sample_lacks_is_refused(tmp_path):
    with pytest.raises(ValueError, match="k2 lacks the feature embedding"), PassResults(tmp_path, "x") as book:
        book.add(row(1), features(1))
        book.add(row(2), {"digest": features(2)["digest"]})


@pytest.mark.parametrize("gone", ["rows.jsonl", "digest.bin"])
def test_half_a_ledger_is_none(tmp_path, gone):
    with PassResults(tmp_path, "x") as book:
        fill(book, 6)
    (tmp_path / gone).unlink()
    with PassResults(tmp_path, "x") as book:
        assert book.done == 0
        fill(book, 6)
    assert [one.key for one in book.rows()] == [f"k{number}" for number in range(6)]


def test_a_slow_pass_is_saved_by_the_clock(tmp_path, monkeypatch):
    clock = iter(range(0, 1000, 25))
    monkeypatch.setattr(pass_results.time, "monotonic", lambda: next(clock))
    with pytest.raises(KeyboardInterrupt), PassResults(tmp_path, "x") as book:
        fill(book, 8)
        raise KeyboardInterrupt
    assert 0 < PassResults(tmp_path, "x").done < 8
