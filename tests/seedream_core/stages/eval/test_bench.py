"""A ladder of a tiny random generator, end to end through the executor, and what is refused before it runs."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seedream_core.errors import ConfigError, Interrupted, UserError
from seedream_core.flow.guidance.interval import IntervalGuidance
from seedream_core.generate import sizes
from seedream_core.pipeline.sampler import Sampler
from seedream_core.stages.eval.bench import BenchStage
from seedream_core.stages.eval.report import EvalReportStage
from seedream_core.workflow import artifact, execute
from seedream_core.workflow.config import parse
from seedream_core.workflow.host import Host

LADDER = [
    {"name": "few", "model": "tiny", "steps": 2, "guidance": 1.0},
    {
        "name": "guided",
        "model": "tiny",
        "steps": 3,
        "guidance": 2.5,
        "guidance_rule": {"name": "interval", "start": 0.5},
        "solver": "heun",
    },
]


def bench(model: Path, **options) -> BenchStage:
    tree = {
        "models": {"tiny": str(model)},
        "vae": str(model.parent / "vae"),
        "ladder": LADDER,
        "prompts": 12,
        "held_out_prompts": 6,
        "pictures": 4,
        "repeats": 2,
        "batch": 5,
        "precision": "f32",
    }
    return parse(BenchStage, tree | options)


@pytest.fixture(scope="module")
def finished(tiny_generator, tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "scores"
    execute.step(bench(tiny_generator), out, Host(threads=1), say=lambda text: None)
    return out


def test_scores_hold_every_figure_of_every_rung(finished, tiny_generator):
    assert artifact.read(finished, "scores").facts == {"rungs": 2, "prompts": 18, "suite": "scenes"}
    assert artifact.verify(finished) == []
    scores = json.loads((finished / "scores.json").read_text())
    few, guided = scores["rungs"]
    # Heun asks at 1, 2/3, 2/3, 1/3 and 1/3, and twice at the three times where guidance acts
    assert (few["evaluations"], guided["evaluations"]) == (2, 8)
    assert guided["guidance_rule"] == {"name": "interval", "start": 0.5, "end": 1.0}
    for row in (few, guided):
        assert {name: rate["count"] for name, rate in row["accuracy"].items()} == {"seen": 12, "held_out": 6}
        assert sum(part["count"] for part in row["breakdown"]) == 18
        assert row["seconds_per_image"] > 0 and row["images_per_second"] > 0 and row["distance"]["frechet"] > 0
        weights = sum(file.stat().st_size for file in (tiny_generator / "network").iterdir())
        assert row["megabytes"]["network"] == pytest.approx(weights / 1e6)
        assert row["megabytes"]["total"] == pytest.approx(
            sum(row["megabytes"][part] for part in ("network", "autoencoder", "text"))
        )
    assert [(c["first"], c["second"], c["set"]) for c in scores["comparisons"]] == [
        ("few", "guided", "seen"),
        ("few", "guided", "held_out"),
    ]
    assert scores["models"]["tiny"]["digest"] == artifact.read(tiny_generator).digest
    assert scores["speed"]["precision"] == "f32"


def test_fresh_renders_are_read_right_and_closer_than_random_pictures(finished):
    scores = json.loads((finished / "scores.json").read_text())
    assert scores["renders"]["accuracy"]["share"] == 1.0
    assert scores["renders"]["distance"]["frechet"] < min(row["distance"]["frechet"] for row in scores["rungs"])
    assert 0 < scores["autoencoder"]["psnr"] < 20  # its weights are random
    assert scores["autoencoder"]["accuracy"]["share"] < 0.5


def test_kept_pictures_are_those_of_their_prompt_and_seed(finished, tiny_generator):
    rows = [json.loads(line) for line in (finished / "verdicts.jsonl").read_text().splitlines()]
    assert len(rows) == 2 * 18
    assert sum(row["picture"] is not None for row in rows) == 2 * 2 * 4
    assert all((row["reason"] is None) == row["right"] for row in rows)
    row = next(row for row in rows if row["rung"] == "guided" and row["set"] == "held_out" and row["index"] == 3)
    assert row["seed"] == 1003
    settings = {"steps": 3, "guidance": 2.5, "guidance_rule": IntervalGuidance(start=0.5), "solver": "heun"}
    again = Sampler.load(tiny_generator).images([row["prompt"]], [row["seed"]], **settings)[0]
    kept = np.asarray(Image.open(finished / row["picture"]))
    assert np.abs(kept.astype(int) - again.astype(int)).max() <= 1


def test_a_solvers_options_count(tiny_generator):
    rows = [{"name": "a", "model": "tiny", "solver": {"name": "stochastic_euler", "noise": 0.3}}]
    rung = bench(tiny_generator, ladder=rows).ladder[0]
    assert rung.solver.text() == '{"name": "stochastic_euler", "noise": 0.3}'


def test_a_report_follows(finished, tmp_path):
    execute.step(EvalReportStage(scores=finished), tmp_path / "report", Host(), say=lambda text: None)
    assert json.loads((tmp_path / "report/summary.json").read_text())[1]["name"] == "guided"
    assert (tmp_path / "report/report.html").stat().st_size > 20_000


@pytest.mark.parametrize(
    ("ladder", "words"),
    [
        ([{"name": "a", "model": "tinny"}], "did you mean 'tiny'"),
        ([{"name": "a", "model": "tiny"}, {"name": "a", "model": "tiny", "steps": 2}], "two rows are named 'a'"),
    ],
)
def test_a_wrong_ladder_is_refused_by_the_config(ladder, words):
    with pytest.raises(ConfigError, match=words):
        bench(Path("runs/x/base"), ladder=ladder)


@pytest.mark.parametrize(
    ("held_out", "words"), [([], "set it to 0"), (["yellow hart"], "'yellow hart' is no colour and shape")]
)
def test_wrong_pairs_are_refused_by_the_config(held_out, words):
    with pytest.raises(ConfigError, match=words):
        bench(Path("runs/x/base"), held_out=held_out)


def test_models_that_cannot_be_compared_are_refused_at_plan_time():
    stage = bench(Path("runs/x/base"), models={"tiny": "runs/x/base", "big": "runs/x/big"})
    small, big = ({"width": size, "height": size} for size in (64, 128))
    with pytest.raises(ValueError, match="128x128 and 64x64"):
        stage.facts({"models": {"tiny": small, "big": big}, "vae": {}})
    with pytest.raises(ValueError, match="'guided' runs tiny with guidance 2.5: this model was distilled"):
        stage.facts({"models": {"tiny": small | {"guidance_distilled": True}, "big": small}, "vae": {}})
    with pytest.raises(ValueError, match="the data of tiny held out red star"):
        stage.facts({"models": {"tiny": small | {"held_out": ["red star"]}, "big": small}, "vae": {}})


PROMPTS = (
    '{"prompt": "an orange star", "questions": [{"text": "Is it a star?", "answer": "yes"}]}\n'
    '{"prompt": "三个紫色十字", "seed": 5}\n{"prompt": "a <b>sign</b> \\"OPEN\\""}\n'
)


def own(model: Path, folder: Path, **options) -> BenchStage:
    (folder / "prompts.jsonl").write_text(PROMPTS, encoding="utf-8")
    suite = {"name": "prompts", "path": str(folder / "prompts.jsonl")}
    return parse(BenchStage, {"models": {"mine": str(model)}, "suite": suite, "precision": "f32"} | options)


def rows(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / "scores.jsonl").read_text(encoding="utf-8").splitlines()]


def test_every_row_of_scenes_has_its_atoms(finished):
    found = rows(finished)
    assert len(found) == 2 * 18 and {row["row"] for row in found} == {"few", "guided"}
    verdicts = [json.loads(line) for line in (finished / "verdicts.jsonl").read_text().splitlines()]
    assert [row["score"] == 1 for row in found] == [verdict["right"] for verdict in verdicts]
    assert [row["file"] for row in found] == [verdict["picture"] for verdict in verdicts]
    assert {atom["kind"] for row in found for atom in row["atoms"]} == {
        "object",
        "colour",
        "count",
        "relation",
        "ground",
    }


def test_prompts_of_ones_own_without_a_judge(tiny_generator, tmp_path):
    out = tmp_path / "out"
    execute.step(own(tiny_generator, tmp_path), out, Host(threads=1), say=lambda text: None)
    found = rows(out)
    assert [(row["row"], row["prompt"], row["seed"]) for row in found] == [
        ("mine", "an orange star", 1000),
        ("mine", "三个紫色十字", 5),
        ("mine", 'a <b>sign</b> "OPEN"', 1002),
    ]
    assert all(row["atoms"] is None and row["score"] is None for row in found)
    again = Sampler.load(tiny_generator).images(["三个紫色十字"], [5])[0]
    kept = np.asarray(Image.open(out / found[1]["file"]))
    assert np.abs(kept.astype(int) - again.astype(int)).max() <= 1
    page = (out / "side_by_side.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 3 and "http" not in page.split("</script>")[-1]
    assert "<b>sign</b>" not in page and "三个紫色十字" in page
    assert artifact.verify(out) == [] and not (out / artifact.SCRATCH).exists()
    with pytest.raises(UserError, match="this page is for scenes"):
        execute.step(EvalReportStage(scores=out), tmp_path / "report", Host(), say=lambda text: None)


def test_judges_apply_where_they_can(tiny_generator, tiny_vlm, tmp_path):
    stage, out = own(tiny_generator, tmp_path, judges=[{"name": "vlm", "path": str(tiny_vlm)}]), tmp_path / "out"
    execute.step(stage, out, Host(threads=1, precision="f32", accelerator="cpu"), say=lambda text: None)
    first, second, third = rows(out)
    assert [atom["asked"] for atom in first["atoms"]] == ["Is it a star? yes"]
    assert first["score"] == first["atoms"][0]["score"] and 0 < first["score"] < 1
    assert second["atoms"] is None and third["score"] is None
    (row,) = json.loads((out / "scores.json").read_text())["rungs"]
    assert row["judges"] == {"vlm": {"score": first["score"], "prompts": 1, "atoms": {"question": first["score"]}}}


def test_a_killed_run_draws_nothing_twice(tiny_generator, tmp_path, monkeypatch):
    stage, out, drawn, images = own(tiny_generator, tmp_path, batch=1), tmp_path / "out", [], Sampler.images

    def counted(self, prompts, seeds, **options):
        if len(drawn) == 2:
            drawn.append(None)
            raise KeyboardInterrupt
        drawn.extend(prompts)
        return images(self, prompts, seeds, **options)

    monkeypatch.setattr(Sampler, "images", counted)
    with pytest.raises(Interrupted):
        execute.step(stage, out, Host(threads=1), say=lambda text: None)
    execute.step(stage, out, Host(threads=1), say=lambda text: None)
    assert [prompt for prompt in drawn if prompt] == [row["prompt"] for row in rows(out)]


def test_a_picture_without_its_judgement_is_drawn_again(tiny_generator, tmp_path, monkeypatch):
    """A kill between the picture's file and its record: the batch is not whole, though its picture is."""
    stage, out, real = own(tiny_generator, tmp_path, batch=1), tmp_path / "out", artifact.write_atomic

    def killed(path, content):
        if path.name == "prompts_00001.json":
            raise KeyboardInterrupt
        real(path, content)

    monkeypatch.setattr(artifact, "write_atomic", killed)
    with pytest.raises(Interrupted):
        execute.step(stage, out, Host(threads=1), say=lambda text: None)
    kept = sorted(path.name for path in (out / artifact.SCRATCH / "00").iterdir())
    assert kept == ["prompts_00000.json", "prompts_00000.png", "prompts_00001.png"]
    monkeypatch.undo()
    execute.step(stage, out, Host(threads=1), say=lambda text: None)
    execute.step(stage, tmp_path / "whole", Host(threads=1), say=lambda text: None)
    assert (out / "scores.jsonl").read_bytes() == (tmp_path / "whole" / "scores.jsonl").read_bytes()


def test_more_than_memory_allows_is_refused_before_anything_is_drawn(tiny_generator, tmp_path, monkeypatch):
    stage = bench(tiny_generator, ladder=[LADDER[0] | {"guidance": 1.0}])
    monkeypatch.setattr(sizes, "free_bytes", lambda device: 2**20)
    monkeypatch.setattr(Sampler, "images", None)
    with pytest.raises(UserError, match="size 64x64: about .* are needed for 5 at once, and 0.0 GiB are free"):
        execute.step(stage, tmp_path / "out", Host(threads=1), say=lambda text: None)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"prompts": 12}, "prompts: they belong to the suite"),
        ({"vae": "runs/x/vae"}, "vae: only scenes have true pictures"),
        ({"judges": ["ocr", "ocr"]}, "two are named 'ocr'"),
        ({"suite": "scenes"}, "vae: missing"),
    ],
)
def test_options_that_do_not_fit_the_suite_are_refused(tmp_path, options, words):
    with pytest.raises(ConfigError, match=words):
        own(Path("runs/x/base"), tmp_path, **options)


def test_a_judge_that_applies_nowhere_is_refused_at_plan_time(tmp_path):
    facts = {"models": {"mine": {"width": 64, "height": 64}}}
    with pytest.raises(ValueError, match="judges: scenes applies to no prompt"):
        own(Path("runs/x/base"), tmp_path, judges=["scenes"]).facts(facts)
    assert own(Path("runs/x/base"), tmp_path, judges=["ocr"]).facts(facts) == {
        "rungs": 1,
        "prompts": 3,
        "suite": "prompts",
    }
