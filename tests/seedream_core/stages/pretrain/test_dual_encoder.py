"""pretrain/dual_encoder: better than chance on what it has not seen, loadable, exact on resume, and its checks."""

import contextlib
from dataclasses import replace

import pytest
import toy_training as toy

from seedream_core.data.loading.caption_mix import CaptionMix
from seedream_core.data.storage.shards import ShardReader, ShardWriter
from seedream_core.errors import DataError
from seedream_core.models.dual_encoder.artifact import load
from seedream_core.models.dual_encoder.towers_config import TowersConfig
from seedream_core.records import Sample
from seedream_core.stages.data.synthetic import SyntheticStage
from seedream_core.stages.pretrain.dual_encoder import DualEncoderStage, ranked, references, split
from seedream_core.workflow import execute

TINY = TowersConfig(
    size=32, dim=32, widths=(16, 32), image_depth=1, parts=2, text_width=32, text_depth=1, heads=2, max_tokens=32
)

TRAIN = toy.config(steps=120, global_batch=64, lr=4e-3, warmup=10, optimizer="muon", log_every=40)


@pytest.fixture(scope="module")
def crawl(tmp_path_factory):
    folder = tmp_path_factory.mktemp("crawl")
    execute.step(SyntheticStage(samples=600, size=(32, 32)), folder, toy.host(), say=lambda line: None)
    return folder


def test_tells_captions_apart(crawl, tmp_path):
    stage = DualEncoderStage(data=crawl, net=TINY, vocabulary=512, train=TRAIN)
    manifest = execute.step(stage, tmp_path / "encoder", toy.host(), say=lambda line: None)
    assert manifest.kind == "dual_encoder" and manifest.facts["dim"] == 32 and manifest.facts["vocabulary"] <= 512
    assert manifest.facts["parameters"] == stage.facts({})["parameters"] - (512 - manifest.facts["vocabulary"]) * 32
    assert manifest.metrics["samples"] + 2 * manifest.metrics["judged"] in (599, 600, 601)
    assert manifest.metrics["auc_random_captions"] > 0.8, manifest.metrics
    assert manifest.metrics["calibration"]["own"] > 0
    encoder = load(tmp_path / "encoder")
    assert encoder.texts(["红色圆形", "a red circle"]).shape == (2, 32) and len(encoder.calibration.references) == 512


def test_a_killed_training_ends_as_an_uninterrupted_one(crawl, tmp_path):
    stage = DualEncoderStage(data=crawl, net=TINY, vocabulary=512, train=toy.config(steps=120, global_batch=8))
    toy.assert_survives_kills(stage, tmp_path, kills=2)


def test_the_host_does_not_change_what_is_learnt(crawl, tmp_path):
    stage = DualEncoderStage(data=crawl, net=TINY, vocabulary=512, train=toy.config(steps=12, global_batch=16))
    # three devices cannot share 16 samples: where that is needed, the run stops at once
    hosts = {
        "whole": toy.host(),
        "parts": toy.host(micro_batch=1),
        "many": toy.host(micro_batch=5, devices=3, strategy="ddp"),
    }
    losses = {}
    for name, host in hosts.items():
        try:
            stage.run(tmp_path / name, host)
        except DataError as error:  # so few steps may not be enough to calibrate, on one host as on another
            assert "has learned nothing" in error.message
        losses[name] = [row["loss"] for row in toy.rows(tmp_path / name)]
        assert losses[name] == pytest.approx(losses["whole"], rel=1e-3)
    assert len(losses["whole"]) == 3 and losses["whole"][0] > 2.5
    assert not DualEncoderStage.distributed


def test_it_says_at_the_start_that_batches_even_weights_out(crawl, tmp_path, capsys):
    reader = ShardReader(crawl)
    with ShardWriter(tmp_path / "weighed" / "shards") as writer:
        for row, key in enumerate(reader.keys):
            members = reader.read(row)
            sample = Sample.from_json(members["json"])
            writer.add(key, members | {"json": replace(sample, weight=4.0 if row % 4 else 1.0).to_json()})
    for global_batch in (512, 16):
        stage = DualEncoderStage(
            data=tmp_path / "weighed", net=TINY, vocabulary=512, train=toy.config(steps=1, global_batch=global_batch)
        )
        with contextlib.suppress(DataError):  # a step teaches nothing
            stage.run(tmp_path / str(global_batch), toy.host())
        assert (
            "in batches of 512 leave them too little room: the lightest are taken in" in capsys.readouterr().err
        ) == (global_batch == 512)


def test_who_is_kept_back_and_what_is_refused():
    keys, main = [f"s{index}" for index in range(1001)], [f"caption {index}" for index in range(1000)] + [""]
    learned, unseen = split(keys, main)
    assert sorted(learned + unseen) == list(range(1000)) and 30 < len(unseen) < 75 and learned == sorted(learned)
    moved, kept_back = split(keys[1:], main[1:])
    assert {keys[row + 1] for row in kept_back} == {keys[row] for row in unseen} - {"s0"} and len(moved) >= 900
    with pytest.raises(DataError, match="too few"):
        split(keys[:20], main[:20])
    with pytest.raises(DataError, match="too few"):
        split(keys[:1000], ["the same"] * 1000)
    with pytest.raises(ValueError, match="dropout"):
        DualEncoderStage(data="crawl", train=toy.config(), captions=CaptionMix())
    with pytest.raises(ValueError, match="at least 2"):
        DualEncoderStage(data="crawl", train=toy.config(global_batch=1))


def test_references_are_one_caption_of_each_chosen_sample():
    captions = [{"en": {"short": f"{index} a", "long": f"{index} b"}} for index in range(700)]
    chosen = references(captions, range(100, 700), 0)
    assert len(chosen) == 512 == len({text.split()[0] for text in chosen})
    assert chosen == references(captions, range(100, 700), 0) and all(int(text.split()[0]) >= 100 for text in chosen)
    assert {text.split()[1] for text in chosen} == {"a", "b"}


def test_rank_is_the_area_under_the_curve():
    import numpy as np

    assert ranked(np.array([2.0, 3.0]), np.array([0.0, 1.0, np.nan])) == 1
    assert ranked(np.array([1.0]), np.array([0.0, 1.0, 2.0, 3.0])) == 0.375
