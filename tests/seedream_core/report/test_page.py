"""The page of a finished run: whole, self-contained, in two languages, with nothing of a prompt taken as HTML."""

import json
import re
from html.parser import HTMLParser

import pytest

from seedream_core.report.page import SUMMARY, build
from seedream_core.report.render import brief, percent
from seedream_core.stages.eval.report import EvalReportStage
from seedream_core.workflow import artifact, execute
from seedream_core.workflow.host import Host

VOID = {"meta", "img", "br", "input", "line", "circle", "path", "link"}


class Page(HTMLParser):
    """What the tests ask of the page: open tags, text by language, links, sources, ids."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.ids, self.text = [], [], [], {"en": "", "zh": "", "": ""}
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append((tag, attributes))
        self.ids += [attributes["id"]] if "id" in attributes else []
        if tag not in VOID:
            self.open.append((tag, attributes.get("class", "")))

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        language = next((css for _, css in reversed(self.open) if css in ("en", "zh")), "")
        self.text[language] += data


@pytest.fixture(scope="module")
def html(run):
    return build(run).html


def test_the_html_is_balanced_and_its_links_lead_somewhere(html):
    page = Page(html)
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    links = {attributes["href"] for tag, attributes in page.tags if tag == "a"}
    assert {link[1:] for link in links} <= set(page.ids)
    assert {"#step-base", "#step-w4a8", "#step-vae", "#step-scores"} <= links


def test_nothing_comes_from_outside(html):
    bare = re.sub(r"base64,[\w+/=]+", "", html)
    assert not re.search(r"https?:|//[a-z]|@import|url\(|srcset|<link|<iframe|fetch\(|XMLHttp", bare)
    for tag, attributes in Page(html).tags:
        assert tag != "img" or attributes["src"].startswith("data:image/png;base64,")
        assert tag != "script" or "src" not in attributes
    assert "default-src 'none'" in html


def test_prompts_are_text(html):
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(" in html


def test_everything_is_said_in_both_languages(html):
    text = Page(html).text
    for english, chinese in (
        ("Compared models", "模型对比"),
        ("Side by side", "并排对比"),
        ("Training", "训练过程"),
        ("Steps and costs", "步骤与开销"),
        ("held-out pairs", "未见组合"),
        ("red star, not blue heart", "画成红色五角星，应为蓝色心形"),
        ("quarantined", "隔离"),
    ):
        assert english in text["en"] and chinese in text["zh"]
    assert not re.search(r"[\u4e00-\u9fff]", text["en"].replace("中文", "", 1))
    outside = re.sub(r"Seedream|[a-z]\w*|[A-Z]\w*|[\W\d_]|[\u4e00-\u9fff]+", "", text[""])
    assert outside == ""
    # between the languages stand only names, numbers and prompts: as many parts in one as in the other
    assert html.count('class="en" lang') == html.count('class="zh" lang') > 100


def test_figures_of_the_ladder_and_where_they_come_from(html):
    page = Page(html)
    words = " ".join(page.text[""].split())
    assert "W4A8, 4" in words and "3.50 MB" in words and "920 ms" in words
    rows = [attributes for tag, attributes in page.tags if attributes.get("class", "").startswith("row ")]
    assert len(rows) == 18 and sum("held_out" in row["class"] for row in rows) == 9
    assert sum(tag == "img" for tag, _ in page.tags) == 10 + 18 * 5 + 1  # hero, side by side, the viewer
    assert "<td>sharpness … is under 1.00</td>" in html and html.count("<svg") == 2 + 4 * 3


def test_the_viewer_holds_the_first_and_last_grids(html):
    runs = json.loads(re.search(r'<script type="application/json">(.*?)</script>', html, re.DOTALL)[1])
    assert [run["name"] for run in runs] == ["base", "sft"]
    steps = [picture["step"] for picture in runs[0]["pictures"]]
    assert (len(steps), steps[0], steps[-1]) == (12, 500, 7500) and steps == sorted(set(steps))


def test_summary_has_the_ladders_rows(run, tmp_path):
    execute.step(EvalReportStage(scores=run), tmp_path / "report", Host(), say=lambda text: None)
    summary = json.loads((tmp_path / "report/summary.json").read_text())
    assert [row["name"] for row in summary] == [
        "base, 50 steps",
        "sft, 50 steps",
        "student, 4",
        "student, 2",
        "W4A8, 4",
    ]
    assert all(tuple(row) == SUMMARY for row in summary)
    assert summary[4]["evaluations"] == 4 and summary[4]["megabytes"] == 3.5 and 0 < summary[4]["accuracy_held_out"] < 1


def test_a_run_without_held_out_prompts_logs_or_pictures_has_a_page_too(make_run):
    page = build(make_run(held_out=0, shown=0, log_rows=0))
    assert Page(page.html).open == []
    assert page.summary[0]["accuracy_held_out"] is None


def test_the_page_can_open_with_pictures_of_another_step(run, tmp_path):
    images = tmp_path / "gallery"
    (images / "images").mkdir(parents=True)
    (images / "images/00000.png").write_bytes((run / "pictures/00/seen_00000.png").read_bytes())
    (images / "prompts.jsonl").write_text(json.dumps({"file": "00000.png", "prompt": "一只<b>猫</b>"}) + "\n")
    sources = {"model": [{"path": str(run.parent / "w4a8"), "digest": ""}]}
    artifact.finish(
        images, kind="images", stage="generate/images", fingerprint="", inputs=sources, facts={}, metrics={}, seconds=3
    )
    page = Page(build(run, images).html)
    assert "一只<b>猫</b>" in page.text[""] and "Not selected" in page.text["en"]
    assert "step-gallery" in page.ids and "step-scores" in page.ids


def test_numbers_are_short():
    assert [percent(share) for share in (1.0, 0.973, 0.9996)] == ["100%", "97.3%", "100%"]
    assert [brief(seconds) for seconds in (0.0841, 0.9999, 12.34)] == ["84 ms", "1 s", "12.3 s"]
