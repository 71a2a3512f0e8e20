"""A folder is done for exactly the options and contents it was made from."""

from pathlib import Path

import pytest

from seedream_core.data.curation.filters.words import WordsFilter
from seedream_core.data.sources.folder import Folder
from seedream_core.errors import UserError
from seedream_core.workflow import artifact, execute, stage, states
from seedream_core.workflow.document import load_yaml
from seedream_core.workflow.host import Host, Train


def crawl(**options):
    return stage.find("data/crawl", "toy_stages")(**options)


def base(*data, **options):
    paint = (
        stage.find("pretrain/base", "toy_stages")
        .__dataclass_fields__["paint"]
        .type.find("red")(coats=options.pop("coats", 1))
    )
    train = Train(**({"steps": 3} | options.pop("train", {})))
    return stage.find("pretrain/base", "toy_stages")(data=data, paint=paint, train=train, **options)


def made(folder: Path, step, text="x"):
    folder.mkdir(parents=True)
    (folder / "w.txt").write_text(text)
    return finish(folder, step)


def finish(folder, step):
    sources = states.sources(step, folder)
    return artifact.finish(
        folder,
        kind=step.makes,
        stage=step.path(),
        version=step.version,
        fingerprint=states.fingerprint(step, sources),
        options=states.options(step),
        inputs=sources,
        facts={},
        metrics={},
        seconds=0,
    )


def begin(folder: Path, step):
    states.write_config(step, folder, states.sources(step, folder))
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "step").write_text("1")


@pytest.fixture
def data(tmp_path):
    made(tmp_path / "data", crawl())
    return tmp_path / "data"


@pytest.mark.parametrize(
    ("options", "reasons"),
    [
        ({}, ()),
        ({"train": {"lr": 1e-3}}, ()),
        ({"train": {"checkpoint_every": 1, "log_every": 2, "sample_every": 3}, "end": "error"}, ()),
        ({"train": {"lr": 2e-4}}, ("train.lr: 0.001 -> 0.0002",)),
        ({"train": {"steps": 4}, "coats": 2}, ("paint.coats: its default -> 2", "train.steps: 3 -> 4")),
    ],
)
@pytest.mark.parametrize("finished", [True, False])
def test_stale_names_the_keys_that_count(tmp_path, data, options, reasons, finished):
    folder, step = tmp_path / "base", base(data)
    if finished:
        made(folder, step)
    else:
        begin(folder, step)
    state = states.state(base(data, **options), folder)
    assert state.reasons == reasons
    assert state.name == ("stale" if reasons else "done" if finished else "partial")


@pytest.mark.parametrize(("coats", "reasons"), [(2, ()), (3, ("paint.coats: 2 -> 3",))])
@pytest.mark.parametrize("finished", [True, False])
def test_an_artifact_made_before_a_key_was_renamed_is_compared_by_its_values(
    tmp_path, data, monkeypatch, coats, reasons, finished
):
    folder, step = tmp_path / "base", base(data, coats=2)
    if finished:
        made(folder, step)
    else:
        begin(folder, step)
    for name in (artifact.CONFIG, artifact.MANIFEST):
        if (file := folder / name).is_file():
            file.write_text(file.read_text().replace("coats", "layers"))
    monkeypatch.setattr(type(step.paint), "renamed", {"layers": "coats"})
    state = states.state(base(data, coats=coats), folder)
    assert state.reasons == reasons
    assert state.name == ("stale" if reasons else "done" if finished else "partial")


@pytest.mark.parametrize("finished", [True, False])
def test_an_input_made_anew_with_other_contents_makes_stale(tmp_path, data, finished):
    folder, step = tmp_path / "base", base(data)
    begin(folder, step)
    if finished:
        finish(folder, step)
    (data / "w.txt").write_text("y")
    finish(data, crawl())
    state = states.state(step, folder)
    assert state.name == "stale" and "input data" in state.reasons[0]
    # contents that are yet to be made are not compared
    assert states.state(step, folder, {data}).name == ("done" if finished else "partial")
    (data / "w.txt").write_text("x")
    finish(data, crawl())
    assert states.state(step, folder).name != "stale"


def test_a_step_that_made_nothing_may_begin_anew(tmp_path, data):
    folder = tmp_path / "base"
    states.write_config(base(data), folder, states.sources(base(data), folder))
    (folder / artifact.LOCK).touch()
    assert states.state(base(data), folder).name == "partial"
    assert states.state(base(data, coats=2), folder) == states.State("new")
    (folder / "logs").mkdir()  # where a scheduler's script lies
    assert states.state(base(data, coats=2), folder) == states.State("new")
    (folder / ".DS_Store").write_text("1")
    assert states.state(base(data, coats=2), folder) == states.State("new") and not states.foreign(folder)
    for name in (".journal.json", ".scratch/state.json"):  # what it noted on the way is worth keeping
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("{}")
        assert states.state(base(data, coats=2), folder).name == "stale"
        (folder / name).unlink()
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "step").touch()  # begun, with nothing in it yet
    assert states.state(base(data, coats=2), folder) == states.State("new")
    (folder / "checkpoints" / "step").write_text("1")
    assert states.state(base(data, coats=2), folder).name == "stale"


def test_what_comes_to_nothing_leaves_what_it_said_of_its_input(tmp_path, data):
    states.write_config(base(data), folder := tmp_path / "base", states.sources(base(data), folder))
    (folder / ".scratch").mkdir()
    (folder / "fates.jsonl").write_text("{}\n")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "photo.jpg").write_text("mine")
    (folder / "shards").symlink_to(tmp_path / "elsewhere")
    states.remove_products(folder)
    assert (
        sorted(path.name for path in folder.iterdir()) == ["fates.jsonl", "step.yaml"]
        and (tmp_path / "elsewhere" / "photo.jpg").exists()
    )
    assert states.state(base(data, coats=2), folder) == states.State("new")
    made(folder / "guest", crawl())
    (folder / ".git").mkdir()
    states.remove_products(folder)
    assert states.state(crawl(), folder / "guest").name == "done" and (folder / ".git").is_dir()


@pytest.mark.parametrize("name", ["samples/a.jpg", "checkpoints/a", "fates.jsonl", "notes.txt", ".scratch/thesis.txt"])
def test_a_folder_of_somebody_is_no_steps(tmp_path, data, name):
    (tmp_path / "base" / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "base" / name).write_text("mine")
    assert states.foreign(tmp_path / "base")
    states.write_config(base(data), tmp_path / "base", states.sources(base(data), tmp_path / "base"))
    assert not states.foreign(tmp_path / "base")


def test_a_folder_with_a_recipes_config_and_a_schedulers_script_is_a_steps(tmp_path, data):
    states.write_config(base(data), tmp_path / "base")
    (tmp_path / "base" / "logs").mkdir()
    (tmp_path / "base" / "logs" / "base.sbatch").write_text("#!/bin/sh")
    assert not states.foreign(tmp_path / "base")


def test_moving_a_run_changes_nothing(tmp_path, data):
    step = base(data)
    made(tmp_path / "base", step)
    (tmp_path / "there").mkdir()
    for name in ("data", "base"):
        (tmp_path / name).rename(tmp_path / "there" / name)
    assert states.state(base(tmp_path / "there" / "data"), tmp_path / "there" / "base").name == "done"
    assert artifact.read(tmp_path / "there" / "base").sources("data") == [tmp_path / "there" / "data"]


def test_another_stage_or_version_makes_stale(tmp_path, data, monkeypatch):
    made(tmp_path / "base", base(data))
    assert states.state(crawl(), tmp_path / "base").reasons == ("run: pretrain/base -> data/crawl",)
    monkeypatch.setattr(type(base(data)), "version", 2)
    assert states.state(base(data), tmp_path / "base").reasons == ("version of pretrain/base: 1 -> 2",)
    monkeypatch.undo()
    begin(tmp_path / "begun", base(data))
    monkeypatch.setattr(type(base(data)), "version", 2)
    assert states.state(base(data), tmp_path / "begun").reasons == ("version of pretrain/base: 1 -> 2",)


def test_an_outside_folder_that_changed_makes_stale(tmp_path):
    (tmp_path / "raw").mkdir()
    step = crawl(source=tmp_path / "raw")
    made(tmp_path / "data", step)
    assert states.state(step, tmp_path / "data").name == "done"
    (tmp_path / "raw" / "more").write_text("")
    assert states.state(step, tmp_path / "data").name == "stale"


def test_a_file_that_an_option_names_counts_by_what_is_in_it(tmp_path, data):
    words, done = tmp_path / "words.txt", tmp_path / "done"
    words.write_text("old", encoding="utf-8")
    step = stage.find("data/curate")(data=data, filters=(WordsFilter(file=str(words)),))
    made(done, step)
    assert artifact.read(done).sources("filters.0.file") == [words]
    assert states.state(step, done).name == "done"
    begun = tmp_path / "begun"
    begin(begun, step)
    assert states.state(step, begun).name == "partial"
    words.write_text("newer", encoding="utf-8")
    reason = f"input filters.0.file: {words} has changed: its contents, or its files' names, sizes or times"
    assert states.state(step, done) == states.State("stale", (reason,))
    assert states.state(step, begun) == states.State("stale", (reason,))
    (tmp_path / "copy.txt").write_text("old", encoding="utf-8")
    assert (
        states.state(
            stage.find("data/curate")(data=data, filters=(WordsFilter(file=str(tmp_path / "copy.txt")),)), done
        ).name
        == "done"
    )


def test_a_place_that_an_option_names_no_more_makes_stale(tmp_path, data):
    (tmp_path / "words.txt").write_text("old", encoding="utf-8")
    with_file = WordsFilter(file=str(tmp_path / "words.txt"), words=("bad",))
    made(tmp_path / "done", stage.find("data/curate")(data=data, filters=(with_file,)))
    without = states.state(
        stage.find("data/curate")(data=data, filters=(WordsFilter(words=("bad",)),)), tmp_path / "done"
    )
    assert without == states.State("stale", ("input filters.0.file: ../words.txt is no longer an input",))
    made(tmp_path / "without", stage.find("data/curate")(data=data, filters=(WordsFilter(words=("bad",)),)))
    added = states.state(stage.find("data/curate")(data=data, filters=(with_file,)), tmp_path / "without")
    assert added == states.State("stale", (f"input filters.0.file: {tmp_path}/words.txt was no input before",))


def test_what_another_version_began_is_stale_and_never_new(tmp_path, data):
    begin(tmp_path / "base", base(data))
    config = tmp_path / "base" / "step.yaml"
    config.write_text('# started from {"data": [["abc", ""]]}\n' + config.read_text().partition("\n")[2])
    assert states.state(base(data), tmp_path / "base") == states.State(
        "stale", ("run: another version of seedream -> pretrain/base",)
    )


def test_a_place_that_is_not_there_is_told_before_anything_is_begun(tmp_path, data):
    step = stage.find("data/curate")(data=data, filters=(WordsFilter(file=str(tmp_path / "words.txt")),))
    with pytest.raises(UserError, match=r"filters.0.file: .*words.txt: no such file or folder"):
        states.sources(step, tmp_path / "out")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("https://example.org/a.tar", "source.path: https:/example.org/a.tar: a URL; .*\n.*download the files first"),
        ("s3://bucket/crawl", "source.path: s3:/bucket/crawl: a URL"),
        ("loop", "source.path: loop: a symbolic link that leads nowhere, or back to itself"),
        ("c:/pictures", "source.path: c:/pictures: no such file"),
    ],
)
def test_a_source_that_cannot_be_read_says_why(tmp_path, monkeypatch, path, message):
    monkeypatch.chdir(tmp_path)
    Path("loop").symlink_to("loop")
    step = stage.find("data/ingest")(source=Folder(path=path))
    with pytest.raises(UserError, match=message):
        execute.step(step, tmp_path / "out", Host())
    assert not (tmp_path / "out").exists()


def test_a_config_without_a_start_is_new_and_a_broken_one_is_stale(tmp_path, data):
    folder, step = tmp_path / "base", base(data)
    states.write_config(step, folder)
    assert states.state(step, folder).name == "new"
    begin(folder, step)
    path = folder / "step.yaml"
    path.write_text(path.read_text().replace("coats", "coat"))
    state = states.state(step, folder)
    assert state.name == "stale" and "no longer fits" in state.reasons[0]


def test_step_yaml_holds_every_option_and_reads_back(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    judge = stage.find("eval/judge", "toy_stages")(models={"a": Path("a"), "b": Path("x/b")})
    states.write_config(judge, Path("judge"))
    assert load_yaml("judge/step.yaml").tree == {"run": "eval/judge", "models": {"a": "./a", "b": "x/b"}}
