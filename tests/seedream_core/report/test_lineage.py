"""Everything behind a finished run is found, in the order of making."""

import shutil

from seedream_core.report.lineage import trace


def test_steps_stand_after_what_they_were_made_from(run):
    lineage = trace(run)
    names = [step.name for step in lineage.steps]
    assert set(names) == {"scenes", "curated", "vae", "latents", "base", "sft", "student", "w4a8", "scores"}
    for step in lineage.steps:
        assert all(names.index(source) < names.index(step.name) for source in step.inputs)
    assert lineage.lost == ()


def test_a_folder_that_is_gone_is_named(make_run):
    run = make_run()
    shutil.rmtree(run.parent / "curated")
    lineage = trace(run)
    assert lineage.lost == ("curated",)
    assert "base" in {step.name for step in lineage.steps}


def test_an_input_from_outside_that_is_there_is_not_lost(make_run, tmp_path):
    run, prompts = make_run(), tmp_path / "prompts.txt"
    prompts.write_text("red")
    assert trace(run, prompts).lost == ()


def test_fates_are_counted(run):
    curated = next(step for step in trace(run).steps if step.name == "curated")
    assert curated.fates()[("kept", "")] == 960 and curated.fates().total() == 1000
