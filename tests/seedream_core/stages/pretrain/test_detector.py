"""pretrain/detector: trains on planted defects, resumes bit for bit, and what it makes scores pictures."""

import signal
from dataclasses import replace

import pytest
import toy_training as toy

from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.curation.scorers.structure import StructureScorer
from seedream_core.models import detector
from seedream_core.objectives.detector import DetectorModule
from seedream_core.records import Sample
from seedream_core.stages.data.synthetic import SyntheticStage
from seedream_core.stages.pretrain import detector as stage_file
from seedream_core.stages.pretrain.detector import DetectorStage
from seedream_core.synthetic.scenes.render import render
from seedream_core.synthetic.scenes.world import World
from seedream_core.workflow import execute


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    out = tmp_path_factory.mktemp("pictures")
    for name, seed in (("seen", 0), ("unseen", 1)):
        execute.step(
            SyntheticStage(samples=12, size=(64, 64), seed=seed), out / name, toy.host(), say=lambda line: None
        )
    return out


@pytest.fixture
def stage(pictures, monkeypatch):
    monkeypatch.setattr(stage_file, "MEASURED", 9)
    train = toy.config(steps=12, global_batch=4, log_every=3, checkpoint_every=4)
    return DetectorStage(
        data=pictures / "seen", validation=pictures / "unseen", side=64, fine=8, coarse=16, train=train
    )


def test_makes_a_detector(stage, tmp_path):
    manifest = execute.step(
        replace(stage, clean=0.5, scenes=0.2, textures=0.1), tmp_path / "detector", toy.host(), say=lambda line: None
    )
    network = detector.load(tmp_path / "detector")
    assert manifest.kind == "detector" and manifest.facts == {
        "side": 64,
        "parameters": sum(p.numel() for p in network.parameters()),
    }
    assert manifest.metrics["pictures"] == 9 and manifest.metrics["unseen_pictures"]
    assert 0 <= manifest.metrics["decisions_right"] <= 1 and manifest.metrics["area_error"] >= 0
    view = LazySample.of(Sample(key="a", width=64, height=64, captions={}), render(World().sample(0, 0), 64, 64))
    StructureScorer(path=str(tmp_path / "detector")).start({})([view])
    assert 0 <= view.scores["defect_area"] <= 1


def test_without_validation_it_is_judged_on_scenes(stage, tmp_path):
    found = replace(stage, validation=None, train=toy.config(steps=1, global_batch=2)).run(tmp_path, toy.host())
    assert not found["unseen_pictures"] and found["pictures"] == 9


def test_goes_on_from_another(stage, tmp_path):
    execute.step(stage, tmp_path / "first", toy.host(), say=lambda line: None)
    second = replace(stage, start=tmp_path / "first", train=toy.config(steps=1, global_batch=2, lr=1e-9))
    execute.step(second, tmp_path / "second", toy.host(), say=lambda line: None)
    first, second = (detector.load(tmp_path / name).state_dict() for name in ("first", "second"))
    assert all((second[name] - weight).abs().max() < 1e-3 for name, weight in first.items())
    with pytest.raises(ValueError, match="has the side 64"):
        replace(stage, side=128).facts({"data": {"width": 64, "height": 64}, "start": {"side": 64}})


def test_shares_of_more_than_all_are_refused(stage):
    with pytest.raises(ValueError, match="more than all"):
        replace(stage, scenes=0.6, textures=0.5)


def test_killed_twice_ends_bit_for_bit_as_uninterrupted(stage, tmp_path):
    def work(at):
        real = DetectorModule.training_step

        def training_step(self, batch, index):
            if batch.step == at:
                toy.os.kill(toy.os.getpid(), signal.SIGKILL)
            return real(self, batch, index)

        DetectorModule.training_step = training_step
        stage.run(tmp_path / "killed", toy.host())

    assert toy.fork(lambda: stage.run(tmp_path / "whole", toy.host())) == 0
    assert [toy.fork(lambda: work(at)) for at in (5, 9)] == [-signal.SIGKILL] * 2
    assert toy.fork(lambda: stage.run(tmp_path / "killed", toy.host())) == 0
    toy.assert_equal_runs(tmp_path / "whole", tmp_path / "killed")


def test_pictures_of_several_sizes_are_refused_at_plan_time(stage):
    with pytest.raises(ValueError, match="one size"):
        stage.facts({"data": {"samples": 3}, "start": None})
