"""A ladder of a tiny random generator, end to end through the executor, and what is refused before it runs."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seedream_core.errors import ConfigError
from seedream_core.flow.guidance.interval import IntervalGuidance
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
    assert artifact.read(finished, "scores").facts == {"rungs": 2, "prompts": 18}
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
        ([], "ladder"),
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
