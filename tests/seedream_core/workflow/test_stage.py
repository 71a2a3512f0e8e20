"""A stage is found by its path, and tells its inputs from its options."""

import subprocess
import sys
from pathlib import Path

import pytest

from seedream_core.errors import ConfigError
from seedream_core.workflow import stage

ROOT = "toy_stages"


def test_stages_are_found_by_folder_and_file():
    cls = stage.find("pretrain/base", ROOT)
    assert cls.__name__ == "BaseStage" and cls.path() == "pretrain/base"
    assert stage.groups(ROOT) == ("data", "eval", "pretrain", "quantize")
    assert stage.listing("pretrain", ROOT) == {
        "base": "A generator that can be stopped; it goes on from its last checkpoint.",
        "vae": "Learn to count.",
    }


def test_a_misspelt_stage_brings_the_nearest():
    with pytest.raises(ConfigError, match="no stage 'pretrain/bace'; did you mean 'pretrain/base'?"):
        stage.find("pretrain/bace", ROOT)
    with pytest.raises(ConfigError, match="the stages are data/crawl, "):
        stage.find("xyz", ROOT)


def test_inputs_keep_kind_shape_and_whether_they_may_be_left_out():
    found = stage.inputs(stage.find("pretrain/base", ROOT))
    assert {name: (item.kind.name, item.shape, item.optional) for name, item in found.items()} == {
        "data": ("shards", "list", False),
        "vae": ("autoencoder", "one", True),
    }
    assert stage.inputs(stage.find("quantize/pack", ROOT))["model"].kind.trainable
    assert stage.inputs(stage.find("eval/judge", ROOT))["models"].shape == "map"


def test_facts_of_inputs_come_in_the_shape_of_their_fields():
    judge = stage.find("eval/judge", ROOT)(models={"a": Path("x/a"), "b": Path("x/b")})
    assert stage.gather(judge, lambda folder, kind: {"at": folder.name, "kind": kind.name}) == {
        "models": {"a": {"at": "a", "kind": "generator"}, "b": {"at": "b", "kind": "generator"}},
    }
    pack = stage.find("quantize/pack", ROOT)(model=Path("x/a"))
    assert stage.gather(pack, lambda folder, kind: {"at": folder.name}) == {"model": {"at": "a"}}


def test_the_spine_and_the_list_of_stages_import_no_torch():
    modules = "config, document, stage, artifact, host, states, recipe, execute"
    code = (
        f"import sys\nfrom seedream_core.workflow import {modules}\nfrom seedream_core.workflow.launch import "
        "inline, process, "
        "slurm\nfor group in stage.groups(): stage.listing(group)\nprint([name for name in ('torch', 'numpy', "
        "'lightning') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
