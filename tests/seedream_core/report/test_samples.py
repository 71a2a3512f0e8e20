"""The page of a data artifact: whole, with a count for every cause, pictures of what left, and nothing from outside."""

import json
import re
from html.parser import HTMLParser

import pytest

from seedream_core import execute
from seedream_core.data.shards import ShardReader, ShardWriter
from seedream_core.data.sources import Source
from seedream_core.errors import UserError
from seedream_core.host import Host
from seedream_core.report import samples
from seedream_core.stages.data.curate import Curate
from seedream_core.stages.data.ingest import Ingest
from seedream_core.stages.data.report import Report
from seedream_core.stages.data.synthetic import Synthetic


class Balance(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.open = []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        if tag not in {"meta", "img", "br", "line", "circle", "path", "rect"}:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def curated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    (folder / "world").mkdir()
    Synthetic(samples=300, damage=0.4, seed=7).run(folder / "world", Host())
    reader = ShardReader(folder / "world")
    with ShardWriter(folder / "marked" / "shards") as writer:
        for place, key in enumerate(reader.keys):
            members = reader.read(place)
            record = json.loads(members["json"])
            if place == 3:
                record |= {"boxes": [{"kind": "<logo>", "box": [0.1, 0.2, 0.5, 0.6], "score": 0.9}], "captions": {"zh": {"short": "<b>星</b>"}}}
            writer.add(key, members | {"json": json.dumps(record, ensure_ascii=False).encode()})
    execute.step(Ingest(source=Source.find("webdataset")(path=str(folder / "marked" / "shards")), bad_budget=0.2), folder / "crawl", Host())
    execute.step(Curate(data=folder / "crawl"), folder / "curated", Host())
    return folder / "curated"


def test_the_page_is_whole(curated, monkeypatch):
    html = samples.build(curated)
    assert Balance(html).open == []
    bare = re.sub(r"base64,[\w+/=]+", "", html)
    assert not re.search(r"https?:|//[a-z]|@import|url\(|srcset|<link|<iframe", bare)
    counts = samples.Fates.of(curated).counts
    assert {cause for _, cause in counts} >= {"caption", "uniform", "blurred", "exact", ""}
    for (fate, cause), count in counts.items():
        if fate != "kept":
            assert f"{cause} · {count:,} (" in bare
    assert "undecodable PNG" in bare and "the same pixels as" in bare and bare.count('class="pair"') >= 1
    assert "<b>星</b>" not in bare and "&lt;b&gt;星&lt;/b&gt;" in bare and "&lt;logo&gt;" in bare
    assert "left:10.00%;top:20.00%;right:50.00%;bottom:40.00%" in bare and "<h4>sharpness</h4>" in bare


def test_few_examples_stand_for_many_and_are_the_same_each_time(curated):
    first, second = samples.Fates.of(curated), samples.Fates.of(curated)
    assert first.examples == second.examples and 280 < first.total <= 300
    assert max(len(rows) for rows in first.examples.values()) == samples.EXAMPLES
    assert samples._spread(10, 4) == [0, 2, 5, 7] and samples._spread(3, 4) == [0, 1, 2]


def test_the_stage_writes_it_and_refuses_what_has_no_fates(curated, tmp_path):
    manifest = execute.step(Report(data=curated), tmp_path / "report", Host())
    assert (tmp_path / "report" / "report.html").stat().st_size > 20_000 and manifest.metrics["megabytes"] > 0
    with pytest.raises(UserError, match="no shards of samples with fates"):
        samples.build(tmp_path / "report")
