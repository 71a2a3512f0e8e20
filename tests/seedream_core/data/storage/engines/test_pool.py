"""The pool is the default engine, and takes all cores where nobody says how many."""

import pytest

from seedream_core.data.storage.engines import Engine
from seedream_core.records import safe_key
from seedream_core.stages.data.ingest import IngestStage
from seedream_core.workflow.config import changed, parse

NAMES = [f"名 {number}" for number in range(150)]


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_results_in_order(workers):
    assert list(Engine.find("pool")()(safe_key, NAMES, workers)) == list(map(safe_key, NAMES))


def test_the_engine_is_no_part_of_what_is_made():
    one, other = (
        parse(IngestStage, {"source": {"name": "folder", "path": "in"}, **engine}) for engine in ({}, {"engine": "ray"})
    )
    assert one.engine.name() == "pool" and other.engine.name() == "ray" and changed(one) == changed(other)
    assert set(Engine.names()) == {"pool", "ray"}
