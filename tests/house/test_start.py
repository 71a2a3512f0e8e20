"""Commands start fast: heavy libraries are not imported, checked in a fresh interpreter."""

import json
import subprocess
import sys

HEAVY = ("torch", "lightning", "transformers", "torchmetrics", "webdataset")


def imported_by(code: str) -> list[str]:
    """Which heavy packages are loaded after `code`."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"{code}\nimport sys, json; print(json.dumps([n for n in {HEAVY!r} if n in sys.modules]))",
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_spine_loads_without_torch():
    leaves, names = "errors, records, progress", "config, artifact, stage, host, recipe, execute, states"
    assert (
        imported_by(
            f"from seedream_core import {leaves}\nfrom seedream_core.workflow import {names}\n"
            "from seedream_core.workflow.launch import inline, process, slurm"
        )
        == []
    )


def test_every_stage_is_found_without_torch():
    assert (
        imported_by(
            "from seedream_core.workflow import stage\n"
            "for group in stage.groups():\n"
            "    for name in stage.listing(group):\n"
            "        stage.inputs(stage.find(f'{group}/{name}'))"
        )
        == []
    )


def test_scenes_need_no_torch():
    assert (
        imported_by(
            "from seedream_core.synthetic.scenes import world, render, captions, prompts, reader\n"
            "from seedream_core.data.storage import shards"
        )
        == []
    )


def test_sampling_needs_no_lightning():
    assert imported_by("import seedream_core.pipeline.sampler, seedream_cli.generation") == ["torch"]
