"""The knowledge stage: rated pictures with records that say all, the same on any number of processes, resumed at whole
shards.
"""

import json
from collections import Counter
from io import BytesIO

import pytest
from PIL import Image

from seedream_core.data.storage.shards import ShardReader
from seedream_core.errors import UserError
from seedream_core.records import Sample
from seedream_core.stages.data import knowledge
from seedream_core.stages.data.knowledge import KnowledgeStage
from seedream_core.synthetic.documents import Knowledge as Kind
from seedream_core.synthetic.documents import pen, rating
from seedream_core.workflow.config import ConfigError, dump, parse
from seedream_core.workflow.host import Host


def made(out, workers: int = 1, **options) -> list[tuple[bytes, Sample]]:
    out.mkdir(exist_ok=True)
    made.metrics = parse(KnowledgeStage, {"sides": [256, 384], **options}).run(out, Host(workers=workers))
    reader = ShardReader(out)
    rows = [reader.read(index) for index in range(len(reader))]
    return [(row["png"], Sample.from_json(row["json"])) for row in rows]


def files(out) -> dict:
    return {path.name: path.read_bytes() for path in out.rglob("*") if path.is_file()}


def test_records_say_what_is_drawn_and_how_hard_it_is(tmp_path):
    rows = made(tmp_path, samples=48, samples_per_shard=20)
    assert len(rows) == 48 and len(list((tmp_path / "shards").glob("*.tar"))) == 3
    for data, sample in rows:
        truth, size = sample.truth, Image.open(BytesIO(data)).size
        assert size == (sample.width, sample.height) and max(size) <= 2 * min(size)
        assert all(256 <= side <= 384 and side % 16 == 0 for side in size)
        kind = Kind.find(truth["kind"])
        assert all(kind.read(texts["long"]) == truth["content"] for texts in sample.captions.values())
        assert truth["difficulty"] == rating.level(truth["load"]) and sample.tags[:3] == (
            "knowledge",
            truth["kind"],
            truth["difficulty"],
        )
        assert sample.scores["difficulty"] == pytest.approx(rating.score(truth["load"]), abs=1e-3)
        assert truth["load"] == pytest.approx(rating.load(truth["marks"], *size), abs=1e-3)
        assert ("extremely hard" in sample.tags) == (truth["load"] >= rating.EXTREME)
    counts = {kind: sum(levels.values()) for kind, levels in made.metrics["kinds"].items()}
    assert counts == Counter(sample.truth["kind"] for _, sample in rows) and set(counts) == {
        "chart",
        "diagram",
        "table",
        "wireframe",
    }
    fates = [json.loads(line) for line in (tmp_path / "fates.jsonl").read_text().splitlines()]
    assert [(fate["key"], fate["name"]) for fate in fates] == [(sample.key, sample.name) for _, sample in rows] and {
        fate["fate"] for fate in fates
    } == {"kept"}


def test_kinds_and_levels_are_drawn_by_weight(tmp_path):
    rows = made(
        tmp_path, samples=60, kinds=["table", {"name": "wireframe", "weight": 3}], levels={"easy": 1, "hard": 3}
    )
    kinds, levels = (Counter(sample.truth[name] for _, sample in rows) for name in ("kind", "difficulty"))
    assert (
        kinds["wireframe"] > 1.8 * kinds["table"] > 0
        and levels["hard"] > 1.8 * levels["easy"] > 0
        and levels["medium"] <= 3
    )


@pytest.mark.parametrize(
    "sides, aspect, drawn",
    [
        ((200, 300), 2.0, range(208, 289, 16)),
        ((199, 208), 2.0, [208]),
        ((256, 512), 1.3, range(256, 513, 16)),
        ((192, 768), 2.0, range(192, 769, 16)),
    ],
)
def test_sides_stay_in_their_range(sides, aspect, drawn):
    stage = KnowledgeStage(samples=1, sides=sides, max_aspect=aspect)
    plans = [stage.plan(index).size for index in range(400)]
    assert {side for size in plans for side in size} == set(drawn)
    assert all(max(size) <= aspect * min(size) for size in plans)


@pytest.mark.parametrize("extreme, least, most", [(0.0, 0, 0), (0.25, 0.02, 0.2), (1.0, 0.25, 0.5)])
def test_extremely_hard_ones_are_fewer(extreme, least, most):
    stage = KnowledgeStage(samples=1, levels={"hard": 1.0}, keep_extreme=extreme)
    share = sum(stage.plan(index).load >= rating.EXTREME for index in range(400)) / 400
    assert least <= share <= most


def test_the_same_on_one_process_or_two_and_other_seeds_differ(tmp_path):
    options = {"samples": 70, "samples_per_shard": 32, "kinds": ["table"]}
    made(tmp_path / "one", **options)
    made(tmp_path / "two", workers=2, **options)
    other = made(tmp_path / "other", **options, seed=1)
    assert files(tmp_path / "one") == files(tmp_path / "two")
    assert not {data for data, _ in other} & {data for data, _ in made(tmp_path / "one", **options)}


def test_a_stopped_run_goes_on_at_its_whole_shards(tmp_path, monkeypatch):
    options = {"samples": 23, "samples_per_shard": 5, "kinds": ["table"]}
    made(tmp_path / "whole", **options)
    make, calls = knowledge.made, []

    def stop(stage, faces, index):
        calls.append(index)
        if index == 13:
            raise KeyboardInterrupt
        return make(stage, faces, index)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(knowledge, "made", stop)
        made(tmp_path / "stopped", **options)
    calls.clear()
    monkeypatch.setattr(knowledge, "made", lambda *all: calls.append(all[2]) or make(*all))
    made(tmp_path / "stopped", **options)
    assert calls == list(range(10, 23)) and files(tmp_path / "whole") == files(tmp_path / "stopped")


def test_a_share_of_chinese_is_written_with_the_font_given(tmp_path, monkeypatch):
    found = next((path for path in pen.CHINESE_FONTS if pen.Path(path).is_file()), "")
    if not found:
        pytest.skip(f"no Chinese font at {', '.join(pen.CHINESE_FONTS)}")
    monkeypatch.setattr(pen, "CHINESE_FONTS", ())
    rows = made(tmp_path / "zh", samples=40, chinese=0.5, font=found)
    assert 8 <= sum(sample.truth["language"] == "zh" for _, sample in rows) <= 32


def test_chinese_without_a_font_is_refused_and_never_an_empty_box(tmp_path, monkeypatch):
    monkeypatch.setattr(pen, "CHINESE_FONTS", ())
    with pytest.raises(UserError, match="Chinese text needs a font"):
        made(tmp_path / "none", samples=3, chinese=0.5)


def test_another_font_makes_other_pictures(tmp_path):
    matplotlib = pytest.importorskip("matplotlib")
    font = f"{matplotlib.get_data_path()}/fonts/ttf/DejaVuSerif.ttf"
    first, second = (
        made(tmp_path / name, samples=4, kinds=["table"], font=path) for name, path in (("a", ""), ("b", font))
    )
    assert all(one != other for (one, _), (other, _) in zip(first, second))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"sides": [100, 300]}, "is not a range"),
        ({"sides": [512, 256]}, "is not a range"),
        ({"sides": [200, 200]}, "no multiple of 16 from 200 to 200; 192 or 208"),
        ({"sides": [209, 223]}, "208 or 224"),
        ({"levels": {"extreme": 1}}, "is not one of easy"),
        ({"levels": {"easy": 0}}, "one of them"),
        ({"kinds": []}, "at least one"),
        ({"kinds": ["table", "table"]}, "listed twice"),
        ({"kinds": ["tabel"]}, "table"),
        ({"extreme": 2}, "extreme"),
        ({"aspect": 0.5}, "aspect"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        parse(KnowledgeStage, {"samples": 5, **options})


def test_config_survives_yaml_and_plans_its_facts():
    stage = parse(KnowledgeStage, {"samples": 5, "kinds": ["formula", {"name": "chart", "weight": 0.5}]})
    assert parse(KnowledgeStage, dump(stage)) == stage and stage.facts({}) == {"samples": 5}
