"""What a journal says is done is on disk, and what comes after it is written again to the same bytes."""

import pytest

from seedream_core.data.storage.resumable_writer import ResumableWriter
from seedream_core.data.storage.shards import ShardReader, ShardWriter
from seedream_core.records import Fate

COUNT = 25


def put(journal: ResumableWriter, first: int, last: int = COUNT) -> None:
    for number in range(first, last):
        kept = number % 5 != 3
        fate = Fate(
            key=f"k{number}",
            name=f"图 {number}",
            source="s",
            fate="kept" if kept else "dropped",
            reason="" if kept else "third",
            stage="t",
        )
        journal.add(fate, {"txt": b"%d" % number} if kept else None, ["odd"] if number % 2 else [])


def files(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in [*folder.glob("shards/*"), folder / "fates.jsonl"]}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    out = tmp_path_factory.mktemp("whole")
    with ResumableWriter(out, 6, "a") as journal:
        put(journal, 0)
    return out


@pytest.mark.parametrize("stop", [0, 5, 8, 9, 20, 24])
def test_a_stopped_one_goes_on_at_its_last_whole_shard(tmp_path, whole, stop):
    with pytest.raises(KeyboardInterrupt), ResumableWriter(tmp_path, 6, "a") as journal:
        put(journal, 0, stop)
        raise KeyboardInterrupt
    with ResumableWriter(tmp_path, 6, "a") as journal:
        assert journal.done <= stop and journal.fates.total() == journal.done
        put(journal, journal.done)
    assert files(tmp_path) == files(whole)
    assert journal.fates == {"kept": 20, "dropped": 5} and journal.changes == {"odd": 12}
    assert len(ShardReader(tmp_path)) == 20


def test_a_finished_one_has_nothing_left(tmp_path, whole):
    for _ in range(2):
        with ResumableWriter(tmp_path, 6, "a") as journal:
            put(journal, journal.done)
    assert journal.done == COUNT and files(tmp_path) == files(whole)


def test_another_input_begins_anew(tmp_path, whole):
    with ResumableWriter(tmp_path, 6, "b") as journal:
        put(journal, 0, 7)
    with ResumableWriter(tmp_path, 6, "a") as journal:
        assert journal.done == 0
        put(journal, 0)
    assert files(tmp_path) == files(whole)


def put_many(journal: ResumableWriter, first: int, last: int = COUNT) -> None:
    for number in range(first, last):
        many = [
            (f"k{number}-{part}", {"txt": b"%d.%d" % (number, part)}) for part in range((0, 1, 5, 2, 13)[number % 5])
        ]
        fate = Fate(key=f"k{number}", source="s", fate="kept" if many else "dropped", reason="", stage="t")
        journal.add_all(fate, many, [f"of {len(many)}"])


@pytest.mark.parametrize("stop", range(1, 21))
def test_one_sample_may_give_many_and_shards_end_among_them(tmp_path, monkeypatch, stop):
    with ResumableWriter(tmp_path / "a", 6, "a") as whole:
        put_many(whole, 0)
    assert whole.fates == {"kept": 20, "dropped": 5} and whole.changes == {
        "of 0": 5,
        "of 1": 5,
        "of 2": 5,
        "of 5": 5,
        "of 13": 5,
    }
    assert len(ShardReader(tmp_path / "a")) == 105
    added, original = [], ShardWriter.add
    with (
        monkeypatch.context() as patch,
        pytest.raises(KeyboardInterrupt),
        ResumableWriter(tmp_path / "b", 6, "a") as journal,
    ):

        def stopping(self, *args):
            added.append(args[0])
            if len(added) > 5 * stop:
                raise KeyboardInterrupt
            original(self, *args)

        patch.setattr(ShardWriter, "add", stopping)
        put_many(journal, 0)
    with ResumableWriter(tmp_path / "b", 6, "a") as journal:
        assert journal.whole == 5 * stop // 6  # nothing of a whole shard is made again
        put_many(journal, journal.done)
    assert files(tmp_path / "b") == files(tmp_path / "a") and (journal.fates, journal.changes) == (
        whole.fates,
        whole.changes,
    )
