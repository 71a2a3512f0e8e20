"""The page of a data artifact: whole, with a count for every cause, pictures of what left, and nothing from outside."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from seedream_core.data.pairs import Pairs as Pair
from seedream_core.data.sources import Source
from seedream_core.data.storage.shards import ShardReader, ShardWriter
from seedream_core.errors import UserError
from seedream_core.report import render, samples
from seedream_core.stages.data.curate import CurateStage
from seedream_core.stages.data.ingest import IngestStage
from seedream_core.stages.data.pairs import PairsStage
from seedream_core.stages.data.report import DataReportStage
from seedream_core.stages.data.synthetic import SyntheticStage
from seedream_core.synthetic.scenes.render import png
from seedream_core.workflow import artifact, execute
from seedream_core.workflow.host import Host


class Tags(HTMLParser):
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
    SyntheticStage(samples=300, damage=0.4, seed=7).run(folder / "world", Host())
    reader = ShardReader(folder / "world")
    with ShardWriter(folder / "marked" / "shards") as writer:
        for place, key in enumerate(reader.keys):
            members = reader.read(place)
            record = json.loads(members["json"])
            if place == 3:
                record |= {
                    "boxes": [{"kind": "<logo>", "box": [0.1, 0.2, 0.5, 0.6], "score": 0.9}],
                    "captions": {"zh": {"short": "<b>星</b>"}},
                }
            writer.add(key, members | {"json": json.dumps(record, ensure_ascii=False).encode()})
    execute.step(
        IngestStage(source=Source.find("webdataset")(path=str(folder / "marked" / "shards")), bad_budget=0.2),
        folder / "crawl",
        Host(),
    )
    execute.step(CurateStage(data=folder / "crawl"), folder / "curated", Host())
    return folder / "curated"


def test_the_page_is_whole(curated, monkeypatch):
    html = samples.build(curated)
    assert Tags(html).open == []
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


def hostile(folder, reasons, records=({},)):
    """An artifact from outside: any reasons, any records, names that are markup or no text."""
    (folder / "<img src=x>%s").mkdir()
    folder = folder / "<img src=x>%s"
    with ShardWriter(folder / "shards") as writer:
        for number, record in enumerate(records):
            base = {
                "key": f"k{number}",
                "name": "<i>名</i>\udcff",
                "width": 32,
                "height": 16,
                "captions": {"en": {"short": "</title><script>alert(1)</script>" * 99}},
            }
            writer.add(
                f"k{number}", {"png": png(np.zeros((16, 32, 3), np.uint8)), "json": json.dumps(base | record).encode()}
            )
    rows = [
        {"key": f"k{number}", "source": "<s>\udcff", "fate": fate, "reason": reason, "stage": "data/x", "name": "<u>"}
        for number, (fate, reason) in enumerate(reasons)
    ]
    (folder / "fates.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    artifact.finish(folder, kind="shards", stage="data/x", fingerprint="", inputs={}, facts={}, metrics={}, seconds=0.0)
    return folder


def test_a_reason_for_each_sample_does_not_make_a_page_of_each(tmp_path):
    reasons = (
        [("kept", "")]
        + [("dropped", f"<b>{number} is odd</b>\udcff") for number in range(3000)]
        + [("dropped", "small: 3")] * 50
    )
    folder = hostile(tmp_path, reasons)
    html = samples.build(folder)
    fates = samples.Fates.of(folder)
    assert len(fates.counts) <= samples.CAUSES + 2 and fates.counts["dropped", "small"] == 50 and fates.total == 3051
    assert (
        f"{samples.OTHERS} · {fates.counts['dropped', samples.OTHERS]:,} (" in html
        and fates.counts["dropped", samples.OTHERS] > 2970
        and len(html) < 120_000
    )
    execute.step(DataReportStage(data=folder), tmp_path / "report", Host())


def test_what_comes_from_outside_stays_text_and_is_bounded(tmp_path):
    odd = (
        {
            "boxes": [
                7,
                {"box": "x"},
                {"kind": "<logo>", "box": [0, 0, 1e9, 1]},
                {"kind": "<logo>", "box": [0, 0, 1, 0.5]},
            ],
            "scores": {"<em>": 1e308, "fine": 1},
        },
        {
            "captions": {f"<l{number}>": {"short": "a"} for number in range(90)},
            "scores": {"<em>": -1e308, "fine": 2} | {f"s{number}": 1 for number in range(90)},
        },
    )
    html = samples.build(hostile(tmp_path, [("kept", "")] * 2, odd))
    assert Tags(html).open == [] and len(html) < 200_000
    for bad in ("<script>alert", "<img src=x", "<i>名", "<logo>", "<em>", "<l1>", "<u>", "<s>"):
        assert bad not in html.replace("<script>" + (render.HERE / "script.js").read_text(encoding="utf-8"), ""), bad
    assert (
        html.count("<i style=") == 1
        and html.count("<h4>") == samples.NAMES
        and "<h4>fine</h4>" in html
        and html.count('histogram" viewBox') == samples.NAMES - 1
    )


@pytest.mark.parametrize("reasons", [[("kept", "")], [("kept", ""), ("quarantined", "")]])
def test_one_sample_is_a_page(tmp_path, reasons):
    assert Tags(samples.build(hostile(tmp_path, reasons))).open == []


def test_more_samples_than_came_in_are_a_multiple_of_them(curated, tmp_path):
    pairs = tuple(Pair.find(name)() for name in ("canny", "inpainting", "low_resolution"))
    execute.step(PairsStage(data=curated, pairs=pairs), tmp_path / "pairs", Host())
    made, given = len(ShardReader(tmp_path / "pairs")), len(ShardReader(curated.parent / "world"))
    html = samples.build(tmp_path / "pairs")
    assert made > given and f"{made / given:.1f}×" in html and "of what came in" not in html


def test_the_stage_writes_it_and_refuses_what_has_no_fates(curated, tmp_path):
    manifest = execute.step(DataReportStage(data=curated), tmp_path / "report", Host())
    assert (tmp_path / "report" / "report.html").stat().st_size > 20_000 and manifest.metrics["megabytes"] > 0
    with pytest.raises(UserError, match="no shards of samples with fates"):
        samples.build(tmp_path / "report")


def test_the_map_and_the_tail(curated, tmp_path):
    from seedream_core.stages.data.balance import BalanceStage

    html = samples.build(curated)
    assert 'id="map"' in html and "signature" in html and 'id="tail"' not in html
    execute.step(BalanceStage(data=curated), tmp_path / "balanced", Host())
    html = samples.build(tmp_path / "balanced")
    assert Tags(html).open == [] and 'id="tail"' in html and "effective number of concepts" in html
