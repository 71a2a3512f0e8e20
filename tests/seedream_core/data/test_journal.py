"""What a journal says is done is on disk, and what comes after it is written again to the same bytes."""

import pytest

from seedream_core.data.journal import Journal
from seedream_core.data.shards import ShardReader
from seedream_core.records import Fate

COUNT = 25


def put(journal: Journal, first: int, last: int = COUNT) -> None:
    for number in range(first, last):
        kept = number % 5 != 3
        fate = Fate(key=f"k{number}", name=f"图 {number}", source="s", fate="kept" if kept else "dropped", reason="" if kept else "third", stage="t")
        journal.add(fate, {"txt": b"%d" % number} if kept else None, ["odd"] if number % 2 else [])


def files(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in [*folder.glob("shards/*"), folder / "fates.jsonl"]}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    out = tmp_path_factory.mktemp("whole")
    with Journal(out, 6, "a") as journal:
        put(journal, 0)
    return out


@pytest.mark.parametrize("stop", [0, 5, 8, 9, 20, 24])
def test_a_stopped_one_goes_on_at_its_last_whole_shard(tmp_path, whole, stop):
    with pytest.raises(KeyboardInterrupt), Journal(tmp_path, 6, "a") as journal:
        put(journal, 0, stop)
        raise KeyboardInterrupt
    with Journal(tmp_path, 6, "a") as journal:
        assert journal.done <= stop and journal.fates.total() == journal.done
        put(journal, journal.done)
    assert files(tmp_path) == files(whole)
    assert journal.fates == {"kept": 20, "dropped": 5} and journal.changes == {"odd": 12}
    assert len(ShardReader(tmp_path)) == 20


def test_a_finished_one_has_nothing_left(tmp_path, whole):
    for _ in range(2):
        with Journal(tmp_path, 6, "a") as journal:
            put(journal, journal.done)
    assert journal.done == COUNT and files(tmp_path) == files(whole)


def test_another_input_begins_anew(tmp_path, whole):
    with Journal(tmp_path, 6, "b") as journal:
        put(journal, 0, 7)
    with Journal(tmp_path, 6, "a") as journal:
        assert journal.done == 0
        put(journal, 0)
    assert files(tmp_path) == files(whole)
