"""A mended input is curated again by measuring only what was unreadable or a duplicate; the result is that of a whole
run.
"""

import json
from dataclasses import replace

import pytest

from seedream_core.data.curation.dedup import Dedup
from seedream_core.data.curation.filter_pass import FilterPass
from seedream_core.data.curation.filters import Filter
from seedream_core.data.curation.filters.words import WordsFilter
from seedream_core.data.sources import Source
from seedream_core.data.storage.shards import ShardReader, ShardWriter
from seedream_core.errors import UserError
from seedream_core.stages.data.curate import CurateStage
from seedream_core.stages.data.ingest import IngestStage
from seedream_core.stages.data.synthetic import SyntheticStage
from seedream_core.workflow import artifact, execute
from seedream_core.workflow.host import Host

FILTERS = tuple(Filter.find(name)() for name in ("size", "caption", "uniform", "blurred"))


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A crawl of which five records are broken, and the same one mended."""
    folder = tmp_path_factory.mktemp("inputs")
    (folder / "world").mkdir()
    SyntheticStage(samples=160, damage=0.3, seed=11).run(folder / "world", Host())
    reader = ShardReader(folder / "world")
    execute.step(
        IngestStage(source=Source.find("webdataset")(path=str(folder / "world" / "shards")), bad_budget=0.3),
        folder / "mended",
        Host(),
    )
    mended = ShardReader(folder / "mended")
    with ShardWriter(folder / "broken" / "shards") as writer:
        for place, key in enumerate(mended.keys):
            members = mended.read(place)
            writer.add(key, members | {"json": b"{"} if place % 31 == 7 else members)
    assert len(reader) == 160
    return folder / "broken", folder / "mended"


def curate(data, out, **options) -> dict:
    out.mkdir(parents=True)
    stage = CurateStage(data=data, filters=FILTERS, dedup=(Dedup.find("exact")(),), bad_budget=0.2, **options)
    (out / "step.yaml").write_text(
        json.dumps(
            {"run": "data/curate", "data": str(data), "filters": [one.name() for one in FILTERS], "dedup": ["exact"]}
        )
    )
    return stage.run(out, Host(workers=1))


def test_only_what_failed_is_judged_again(inputs, tmp_path, monkeypatch):
    broken, mended = inputs
    first = curate(broken, tmp_path / "first")
    assert first["quarantined"] == 5
    judged = []
    original = FilterPass.__call__
    monkeypatch.setattr(
        FilterPass, "__call__", lambda self, positions: (judged.extend(positions), original(self, positions))[1]
    )
    curate(mended, tmp_path / "again", retry=tmp_path / "first")
    assert len(judged) == 5 + first["causes"]["exact"]
    judged.clear()
    curate(mended, tmp_path / "whole")
    assert len(judged) == len(ShardReader(mended))
    for path in (
        path
        for path in (tmp_path / "whole").rglob("*")
        if path.is_file() and path.name != "step.yaml" and artifact.SCRATCH not in path.parts
    ):
        assert (tmp_path / "again" / path.relative_to(tmp_path / "whole")).read_bytes() == path.read_bytes(), path


def test_other_options_are_refused(inputs, tmp_path):
    curate(inputs[0], tmp_path / "first")
    with pytest.raises(UserError, match="made with other options"):
        CurateStage(data=inputs[1], filters=FILTERS[:2], retry=tmp_path / "first").run(
            tmp_path / "first", Host(workers=1)
        )
    with pytest.raises(UserError, match="is not an output folder of data/curate"):
        CurateStage(data=inputs[1], filters=FILTERS, retry=tmp_path).run(tmp_path, Host(workers=1))


def test_what_judged_before_must_be_what_judges_now(inputs, tmp_path):
    words = tmp_path / "words.txt"
    words.write_text("zebra", encoding="utf-8")
    stage = CurateStage(data=inputs[1], filters=(WordsFilter(file=str(words)),), dedup=())
    execute.step(stage, tmp_path / "first", Host(workers=1))
    execute.step(replace(stage, retry=tmp_path / "first"), tmp_path / "same", Host(workers=1))
    words.rename(moved := tmp_path / "moved.txt")
    there = replace(stage, filters=(WordsFilter(file=str(moved)),))
    execute.step(replace(there, retry=tmp_path / "first"), tmp_path / "moved", Host(workers=1))
    words.write_text("circle", encoding="utf-8")
    with pytest.raises(UserError, match="made with other options .*words.txt has changed"):
        execute.step(replace(stage, retry=tmp_path / "first"), tmp_path / "again", Host(workers=1))
