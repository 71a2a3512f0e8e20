"""Labels end to end: truth and a patient person come to the same heads, a kill costs nothing, what is wrong is said
with its line.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from seedream_core.data.curation.filters.score import ScoreFilter
from seedream_core.data.curation.funnel import Funnel, FunnelPlan
from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.curation.scorers import Scorer
from seedream_core.data.images.pictures import decode
from seedream_core.data.labelling import score_heads
from seedream_core.data.labelling.acquisition import ActiveLearning, Pool
from seedream_core.data.storage.shards import ShardReader, ShardWriter
from seedream_core.errors import ConfigError, DataError, NothingMade, UserError
from seedream_core.records import Sample
from seedream_core.stages.data.label import ROUNDS, LabelStage
from seedream_core.synthetic.scenes.render import png, render
from seedream_core.synthetic.scenes.world import World
from seedream_core.workflow import artifact, execute
from seedream_core.workflow.config import parse
from seedream_core.workflow.host import Host

HOST = Host(workers=1, threads=1)
COUNT, BROKEN = 160, 7
ACTIVE = ActiveLearning(seed_labels=30, batch=20, max_labels=90, held_out=0.25)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Scenes; a quarter of them has a frame, and one cannot be read."""
    folder, world = tmp_path_factory.mktemp("data"), World()
    with ShardWriter(folder / "shards", 100) as writer:
        for index in range(COUNT):
            pixels = render(world.sample(5, index), 64, 64)
            framed = index % 4 == 0
            if framed:
                pixels[3:5, 3:-3] = pixels[-5:-3, 3:-3] = 120
            clutter = float(pixels.std()) / 100
            sample = Sample(
                key=f"s{index:03d}",
                name=f"scene {index}",
                width=64,
                height=64,
                captions={},
                tags=("framed",) if framed else (),
                truth={
                    "frame": framed,
                    "clutter": clutter,
                    "level": ("easy", "medium", "hard")[min(2, int(clutter * 4))],
                },
            )
            data = png(pixels)
            writer.add(sample.key, {"png": data[:90] if index == BROKEN else data, "json": sample.to_json()})
    artifact.finish(
        folder,
        kind="shards",
        stage="tests/toy",
        fingerprint="toy",
        inputs={},
        facts={"samples": COUNT},
        metrics={},
        seconds=0,
    )
    return folder


def views(data: Path, count=40) -> list[LazySample]:
    reader = ShardReader(data)
    return [LazySample(Sample.from_json(members["json"]), members) for members in map(reader.read, range(8, 8 + count))]


def label(data: Path, out: Path, **options) -> artifact.Manifest:
    return execute.step(LabelStage(data=data, **{"active": ACTIVE} | options), out, HOST, say=lambda line: None)


def curve(out: Path, chosen: str) -> list[dict]:
    points = [json.loads(line) for line in (out / "logs" / "curve.jsonl").read_text().splitlines()]
    return [point for point in points if point["chosen"] == chosen]


def fill(ask: Path, skip=()) -> int:
    """A person at work: labels by what is true, and how many there were to give."""
    given = 0
    for file in sorted(ask.glob("*.jsonl")):
        rows = [json.loads(line) for line in file.read_text().splitlines()]
        for row in rows:
            if row["label"] is None:
                row["label"], given = "skip" if row["key"] in skip else int(row["key"][1:]) % 4 == 0, given + 1
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return given


@pytest.fixture(scope="module")
def labelled(data, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("labelled") / "heads"
    label(data, out, truth="truth.frame")
    return out


def test_truth(data, labelled, capsys):
    manifest = artifact.read(labelled, "heads")
    assert manifest.facts == {"tasks": ["defect"]} and artifact.verify(labelled) == []
    assert sorted(manifest.files) == ["heads.json", "heads.safetensors", "labels.jsonl"]
    assert (
        manifest.metrics["labels"] == 90
        and manifest.metrics["pool"] == COUNT - 1
        and manifest.metrics["stopped"] == "90 labels were spent"
    )
    active, random = curve(labelled, "active"), curve(labelled, "random")
    assert [point["labels"] for point in active] == [point["labels"] for point in random] == [30, 50, 70, 90]
    assert (
        manifest.metrics["score_active"] == active[-1]["score"] > 0.9
        and manifest.metrics["score_random"] == random[-1]["score"]
    )
    origin = score_heads.load(labelled)["defect"].origin
    assert origin["scorer"] == {"name": "appearance"} and origin["labels"] == 90 and origin["held_out"] == 22


def test_heads_judge_in_a_funnel(data, labelled):
    funnel = Funnel(FunnelPlan.of((), (ScoreFilter(score="defect", max_value=0.5),)), {"heads": labelled})
    some = views(data)
    rulings = funnel(some)
    right = [(ruling.fate == "dropped") == view.sample.truth["frame"] for view, ruling in zip(some, rulings)]
    assert sum(right) >= 38 and any("defect 0." in ruling.reason or "defect 1 " in ruling.reason for ruling in rulings)


def test_what_cannot_be_read_is_reported(data, tmp_path, capsys):
    label(data, tmp_path / "out", truth="truth.frame", active=replace(ACTIVE, max_labels=30))
    assert f"left out, because it cannot be read: s{BROKEN:03d}: picture: undecodable PNG" in capsys.readouterr().err


def test_a_person_comes_to_the_same_heads_as_truth(data, labelled, tmp_path):
    ask, out, given = tmp_path / "ask", tmp_path / "out", []
    for number in range(4):
        with pytest.raises(UserError) as stopped:
            label(data, out, export=ask)
        file = ask / f"round-{number:03d}.jsonl"
        assert (
            f"{(30, 20, 20, 20)[number]} pictures wait for a label in {file}; {sum(given)} are labelled"
            in stopped.value.message
        )
        assert "clean or defect or skip" in stopped.value.fix and not (out / "artifact.json").exists()
        rows = [json.loads(line) for line in file.read_text().splitlines()]
        assert all(
            np.array_equal(np.asarray(decode({"png": (ask / row["picture"]).read_bytes()})), seen(data, row["key"]))
            for row in rows[:3]
        )
        with pytest.raises(UserError, match="pictures wait"):
            label(data, out, export=ask)  # nothing was filled in: the same question, nothing else
        given.append(fill(ask))
    label(data, out, export=ask)
    assert given == [30, 20, 20, 20]
    assert (out / "heads.safetensors").read_bytes() == (labelled / "heads.safetensors").read_bytes()
    assert (out / "labels.jsonl").read_bytes() == (labelled / "labels.jsonl").read_bytes()
    assert curve(out, "active") == curve(labelled, "active") and curve(out, "random") == []


def seen(data: Path, key: str) -> np.ndarray:
    reader = ShardReader(data)
    return decode(reader.read(reader.keys.index(key)))


def by_hand(folder: Path, count: int) -> tuple[Path, list[str]]:
    """A file of labels from elsewhere, and its keys."""
    keys = [f"s{index:03d}" for index in range(COUNT) if index != BROKEN][:count]
    file = folder / "given.jsonl"
    file.write_text("".join(json.dumps({"key": key, "label": int(key[1:]) % 4 == 0}) + "\n" for key in keys))
    return file, keys


def test_labels_and_answers_are_both_read(data, tmp_path):
    """It comes to an end, round by round, by the same command; an answer to a question stands above the file."""
    given, keys = by_hand(tmp_path, 20)
    waiting, runs = [], ("one", "two")
    for name in runs:
        ask, out = tmp_path / name / "ask", tmp_path / name / "out"
        for _ in range(9):
            try:
                label(data, out, labels=given, export=ask)
                break
            except UserError as error:
                waiting.append(int(error.message.split()[0]))
            fill(ask)
    assert waiting == 2 * [10, 20, 20, 20]  # of `first` only what was missing, then whole rounds
    assert artifact.read(tmp_path / "one" / "out").metrics["labels"] == 90
    assert all(
        (tmp_path / runs[0] / "out" / file).read_bytes() == (tmp_path / runs[1] / "out" / file).read_bytes()
        for file in ("heads.safetensors", "labels.jsonl", "logs/curve.jsonl")
    )
    with (tmp_path / "one" / "ask" / "more.jsonl").open("w") as more:
        more.write(json.dumps({"key": keys[0], "label": "skip"}) + "\n")
    stage = LabelStage(data=data, active=ACTIVE, labels=given, export=tmp_path / "one" / "ask")
    pool = Pool([f"s{index:03d}" for index in range(COUNT)], np.zeros((COUNT, 1), "float32"), "defect", ACTIVE)
    (tmp_path / "later").mkdir()
    known = stage._known(tmp_path / "later", pool.keys)
    assert known[keys[0]] == "skip" and len(known) == 90 and known[keys[4]] == 1


def test_labels_alone_are_a_seed_set(data, tmp_path):
    given, keys = by_hand(tmp_path, 60)
    manifest = label(data, tmp_path / "out", labels=given)
    assert manifest.metrics["labels"] == 60 and manifest.metrics["held_out"] == 15 and manifest.metrics["rounds"] == 1
    assert manifest.metrics["stopped"] == "no more labels are available" and manifest.metrics["score_active"] > 0.5
    assert [json.loads(line)["key"] for line in (tmp_path / "out" / "labels.jsonl").read_text().splitlines()] == sorted(
        keys
    )


def test_labels_that_are_all_there_is_count_by_what_is_in_the_file(data, tmp_path):
    out, says = tmp_path / "out", []
    given, _keys = by_hand(tmp_path, 60)
    whole = given.read_text()
    wrong = (
        ('"label": false', '"label": "dirt"', 60, '"dirt" is not a label'),
        ("s001", "other", 60, "'other' is not in the pool"),
        ("", "", 20, "needs 10 labels"),
        ("true", "false", 60, "all 60 labels are the same"),
    )
    for old, new, count, message in wrong:  # until it begins, the file may be mended
        given.write_text("".join(whole.replace(old, new).splitlines(keepends=True)[:count]))
        with pytest.raises((UserError, DataError), match=message):
            label(data, out, labels=given)
    given.write_text(
        whole + json.dumps({"key": f"s{BROKEN:03d}", "label": True}) + "\n"
    )  # what cannot be read teaches nothing
    assert label(data, out, labels=given).metrics["labels"] == 60
    execute.step(LabelStage(data=data, active=ACTIVE, labels=given), out, HOST, say=says.append)
    assert says == [f"{out} is done; nothing to do"]
    given.write_text(whole.replace("true", "0").replace("false", "true").replace("0}", "false}"))
    with pytest.raises(UserError, match=f"is stale: input labels: {given} has changed"):
        label(data, out, labels=given)


def test_what_came_to_nothing_goes_on_as_it_was_advised(data, tmp_path):
    out, (given, _keys) = tmp_path / "out", by_hand(tmp_path, 29)
    with given.open("a") as more:
        more.write(json.dumps({"key": f"s{BROKEN:03d}", "label": True}) + "\n")
    with pytest.raises(NothingMade, match="needs 1 labels that are not there yet"):
        label(data, out, labels=given)
    assert label(data, out, labels=given, active=replace(ACTIVE, seed_labels=29)).metrics["labels"] == 29
    assert not (out / artifact.SCRATCH).exists()
    with pytest.raises(NothingMade, match="all 90 labels are the same"):
        label(data, tmp_path / "truth", truth="width")
    with pytest.raises(NothingMade, match="all 159 labels are the same") as all_alike:
        label(data, tmp_path / "all", truth="width", active=replace(ACTIVE, max_labels=3000))
    assert all_alike.value.fix == "give other pictures, or more of them in the pool"
    assert label(data, tmp_path / "truth", truth="truth.frame").metrics["labels"] == 90


def test_labels_that_are_alike_teach_nothing(data, tmp_path):
    given, _ = by_hand(tmp_path, 60)
    given.write_text(
        "".join(line + "\n" for line in given.read_text().splitlines() if json.loads(line)["label"] is False)
    )
    with given.open("a") as more:  # the only one of another kind is of what cannot be read
        more.write(json.dumps({"key": f"s{BROKEN:03d}", "label": True}) + "\n")
    with pytest.raises(NothingMade) as alike:
        label(data, tmp_path / "labels", labels=given)
    assert "labels are the same" in alike.value.message and alike.value.fix == "give labels of another class too"
    out, ask = tmp_path / "out", tmp_path / "ask"
    for _ in range(5):
        with pytest.raises(UserError) as wrong:
            label(data, out, export=ask)
        for file in ask.glob("*.jsonl"):
            file.write_text(file.read_text().replace('"label": null', '"label": false'))
    assert (
        "all 90 labels are the same" in wrong.value.message
        and wrong.value.fix
        == f"raise active.seed_labels and active.max_labels, in another --out, with labels={out}/labels.jsonl"
    )
    with pytest.raises(UserError, match="20 pictures wait for a label"):
        label(
            data,
            tmp_path / "more",
            export=tmp_path / "ask2",
            labels=out / "labels.jsonl",
            active=replace(ACTIVE, seed_labels=110, max_labels=130),
        )


def test_beside_questions_labels_may_change_at_any_time(data, tmp_path):
    out, ask = tmp_path / "out", tmp_path / "ask"
    given, keys = by_hand(tmp_path, 20)
    with pytest.raises(UserError, match="10 pictures wait"):
        label(data, out, labels=given, export=ask)
    with given.open("a") as more:
        more.write(json.dumps({"key": keys[0], "label": True}) + "\n")
    while not (out / "artifact.json").exists():
        fill(ask)
        try:
            label(data, out, labels=given, export=ask)
        except UserError as error:
            assert "pictures wait" in error.message
    given.write_text("")
    digest = artifact.read(out).digest
    assert label(data, out, labels=given, export=ask).digest == digest


def test_no_score_where_what_is_held_out_is_all_alike(data, tmp_path, capsys):
    file, keys = by_hand(tmp_path, 60)
    order = Pool([f"s{index:03d}" for index in range(COUNT)], np.zeros((COUNT, 1), "float32"), "defect", ACTIVE).order
    held = [key for key in order if key in keys][:15]
    file.write_text(
        "".join(json.dumps({"key": key, "label": key in held or int(key[1:]) % 4 == 0}) + "\n" for key in keys)
    )
    metrics = label(data, tmp_path / "out", labels=file).metrics
    assert (
        metrics["held_out"] == 15
        and "score_active" not in metrics
        and curve(tmp_path / "out", "active")[0]["score"] is None
    )
    assert (
        "no score: 15 labels were held out for validation of one class (defect), but it needs two classes"
        in capsys.readouterr().err
    )


def test_labels_from_elsewhere_and_nothing_is_lost(data, tmp_path):
    out, ask = tmp_path / "out", tmp_path / "ask"
    given, keys = by_hand(tmp_path, 20)
    with pytest.raises(UserError, match="round 0 needs 10 labels that are not there yet") as stopped:
        label(data, out, labels=given)
    assert "where the 20 labels that are there shall do, an active.first of no more" in stopped.value.fix
    with pytest.raises(UserError, match="10 pictures wait .*; 20 are labelled"):
        label(data, out, labels=given, export=ask)
    asked = [json.loads(line)["key"] for line in (ask / "round-000.jsonl").read_text().splitlines()]
    assert not set(asked) & set(keys)  # what is known is not asked for
    given.unlink()  # it was read: its labels stay
    skipped = asked[:2]
    while not (out / "artifact.json").exists():
        fill(ask, skipped)
        try:
            label(data, out, export=ask)
        except UserError as error:
            assert "pictures wait" in error.message
    every = [json.loads(line)["key"] for file in ask.glob("*.jsonl") for line in file.read_text().splitlines()]
    assert not set(every) & set(keys)
    labels = {row["key"]: row["label"] for row in map(json.loads, (out / "labels.jsonl").read_text().splitlines())}
    assert set(keys) <= labels.keys() and all(labels[key] == "skip" for key in skipped)
    assert all(row == "skip" or (row == "defect") == (int(key[1:]) % 4 == 0) for key, row in labels.items())


def test_wrong_lines_are_named(data, tmp_path):
    ask, out = tmp_path / "ask", tmp_path / "out"
    with pytest.raises(UserError, match="pictures wait"):
        label(data, out, export=ask)
    fill(ask)
    file = ask / "round-000.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    rows[2]["label"], rows[4]["key"] = "dirt", "other"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(DataError) as wrong:
        label(data, out, export=ask)
    assert f'{file}:3: label: "dirt" is not a label for defect' in wrong.value.message
    assert f"{file}:5: key: 'other' is not in the pool (160 pictures of {data})" in wrong.value.message


def test_a_kill_costs_nothing(data, labelled, tmp_path, monkeypatch):
    from seedream_core.data.labelling import acquisition

    sound, fits = acquisition.fit, []

    def dying(*args):
        fits.append(args)
        if len(fits) == 4:
            raise KeyboardInterrupt
        return sound(*args)

    monkeypatch.setattr(acquisition, "fit", dying)
    with pytest.raises(UserError, match="stopped"):
        label(data, tmp_path / "out", truth="truth.frame")
    assert len(json.loads((tmp_path / "out" / ROUNDS).read_text())["rounds"]) == 2
    monkeypatch.setattr(acquisition, "fit", sound)
    label(data, tmp_path / "out", truth="truth.frame")
    for name in ("heads.safetensors", "heads.json", "labels.jsonl", "logs/curve.jsonl"):
        assert (tmp_path / "out" / name).read_bytes() == (labelled / name).read_bytes()


def test_heads_of_several_tasks_come_together(data, labelled, tmp_path):
    out = tmp_path / "both"
    manifest = label(
        data,
        out,
        task="aesthetic",
        truth="truth.clutter",
        heads=labelled,
        active=replace(ACTIVE, head="mlp", max_labels=50),
    )
    assert manifest.facts == {"tasks": ["aesthetic", "defect"]} and manifest.metrics["score_active"] > 0.7
    both = score_heads.load(out)
    features = np.random.default_rng(0).normal(size=(4, 348)).astype("float32")
    assert np.array_equal(both["defect"].score(features), score_heads.load(labelled)["defect"].score(features))
    some = views(data)
    Scorer.find("heads")().start({"heads": out})(some)
    found, truth = [view.scores["aesthetic"] for view in some], [view.sample.truth["clutter"] for view in some]
    assert score_heads.rank_correlation(np.array(found), np.array(truth)) > 0.7


def test_difficulty(data, tmp_path):
    manifest = label(
        data,
        tmp_path / "out",
        task="difficulty",
        truth="truth.level",
        max_pool=120,
        active=replace(ACTIVE, uncertainty="margin", diverse_share=0.5),
    )
    assert manifest.metrics["score_active"] > 0.5 and manifest.metrics["pool"] in (119, 120)
    assert score_heads.load(tmp_path / "out")["difficulty"].classes == ("easy", "medium", "hard")


@dataclass(frozen=True, kw_only=True)
class Mute(Scorer):
    gives: ClassVar[tuple[str, ...]] = ("loudness",)

    def start(self, models):
        def score(views):
            for view in views:
                view.scores["loudness"] = 0.0

        return score


def test_what_cannot_be(data, tmp_path):
    for options in ({}, {"truth": "truth.frame", "export": "questions"}):
        with pytest.raises(ConfigError, match="give truth if the records hold the label; otherwise give export"):
            parse(LabelStage, {"data": str(data), **options})
    with pytest.raises(DataError, match="all 30 labels are the same"):
        label(data, tmp_path / "a", truth="boxes", active=replace(ACTIVE, max_labels=30))
    with pytest.raises(DataError, match="its record has no truth.frames"):
        label(data, tmp_path / "b", truth="truth.frames")
    with pytest.raises(UserError, match="test_label gives no features of 160 samples"):
        label(data, tmp_path / "c", truth="truth.frame", scorer=Mute())
    with pytest.raises(UserError, match="none.jsonl: no such file or folder"):
        label(data, tmp_path / "d", labels=tmp_path / "none.jsonl")
    with pytest.raises(DataError, match="no such file or folder of labels"):
        label(data, tmp_path / "d", labels=tmp_path / "none.jsonl", export=tmp_path / "ask")
