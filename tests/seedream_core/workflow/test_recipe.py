"""Every error of a recipe is found before its first step runs, all of them at once, each in its place."""

from pathlib import Path

import pytest

from seedream_core.errors import ConfigError
from seedream_core.workflow import artifact, execute, recipe
from seedream_core.workflow.launch.inline import Inline

ROOT = "toy_stages"
GOOD = """\
name: toy
shared:
  long: &long {steps: 10, lr: 1e-3}
steps:
  sure: {run: eval/judge, models: {big: base, small: packed}}
  base:
    run: pretrain/base
    data: [crawl, more]
    vae: vae
    paint: {name: sky_blue, depth: 0.2}
    train: {<<: *long, steps: 20}
  packed: {run: quantize/pack, model: base}
  vae: {run: pretrain/vae, data: crawl, train: *long}
  crawl: {run: data/crawl}
  more: {run: data/crawl, samples: 5}
"""


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(text):
        Path("toy.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
        return "toy.yaml"

    return write


def refusal(path, **options):
    with pytest.raises(ConfigError) as caught:
        recipe.load(path, root=ROOT, **options)
    assert caught.value.exit_code == 2
    return [str(problem) for problem in caught.value.problems]


def test_a_recipe_resolves_to_steps_in_an_order_that_can_run(write):
    loaded = recipe.load(write(GOOD), root=ROOT)
    assert [step.name for step in loaded.steps] == ["crawl", "vae", "more", "base", "packed", "sure"]
    assert (loaded.name, loaded.out) == ("toy", Path("runs/toy"))
    base = loaded.step("base")
    assert base.stage.data == (Path("runs/toy/crawl"), Path("runs/toy/more")) and base.stage.train.steps == 20
    assert base.sources == {"data": ("crawl", "more"), "vae": ("vae",)} and base.needs == ("crawl", "more", "vae")
    assert base.facts == {"format": "bf16", "factor": 16} and loaded.step("sure").facts == {"judged": ["big", "small"]}


def test_out_comes_from_the_call_then_the_recipe_then_its_name(write):
    assert recipe.load(write("out: here/it\n" + GOOD), root=ROOT).out == Path("here/it")
    assert recipe.load("toy.yaml", out=Path("there"), root=ROOT).step("vae").folder == Path("there/vae")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("name: toy", "nam: toy", "toy.yaml:1: nam: unknown key 'nam'; did you mean 'name'?"),
        ("name: toy", "name: [1]", "toy.yaml:1: name: expected text"),
        (
            "run: pretrain/base",
            "run: pretrain/bace",
            "toy.yaml:7: base.run: no stage 'pretrain/bace'; did you mean 'pretrain/base'?",
        ),
        (
            "run: pretrain/base",
            "ran: pretrain/base",
            "toy.yaml:7: base.ran: a step needs `run: group/stage`, not 'ran'",
        ),
        ("steps: 20", "stepz: 20", "toy.yaml:11: base.train.stepz: unknown key 'stepz'; did you mean 'steps'?"),
        ("steps: 20", "steps: 2.5", "toy.yaml:11: base.train.steps: expected a whole number, got 2.5"),
        ("steps: 20", "steps: twenty", 'toy.yaml:11: base.train.steps: expected a whole number, got "twenty"'),
        ("steps: 20", "steps: 0", "toy.yaml:11: base.train.steps: must be at least 1, got 0"),
        ("depth: 0.2", "depth: 1.2", "toy.yaml:10: base.paint.depth: must be at most 1.0, got 1.2"),
        ("depth: 0.2", "depth: .nan", "toy.yaml:10: steps.base.paint.depth: .nan is not a finite number"),
        (
            "sky_blue",
            "sky_bleu",
            "toy.yaml:10: base.paint: no Paint 'sky_bleu'; did you mean 'sky_blue'? (toy_paint/ has red, sky_blue)",
        ),
        (
            "depth: 0.2",
            "depth: !!float 1",
            "toy.yaml:10: steps.base.paint.depth: tag 'tag:yaml.org,2002:float'; recipes take plain values only",
        ),
        ("vae: vae", "vae: crawl", "toy.yaml:9: base.vae: crawl makes shards, but an autoencoder is needed"),
        ("vae: vae", "vae: vea", "toy.yaml:9: base.vae: no step 'vea'; did you mean 'vae'?"),
        ("vae: vae", "vae: 3", "toy.yaml:9: base.vae: expected a step or a folder (an autoencoder is needed)"),
        ("vae: vae", "vae: base", "toy.yaml:9: base.vae: base takes itself as input"),
        ("vae: vae", "vae: runs/none", "toy.yaml:9: base.vae: runs/none: no such folder; an autoencoder is needed"),
        ("[crawl, more]", "[crawl, vae]", "toy.yaml:8: base.data.1: vae makes an autoencoder, but shards are needed"),
        ("[crawl, more]", "crawl", "toy.yaml:8: base.data: expected a list of steps or folders (shards are needed)"),
        ("small: packed", "small: paked", "toy.yaml:5: sure.models.small: no step 'paked'; did you mean 'packed'?"),
        ("model: base", "model: packed2", "toy.yaml:12: packed.model: no step 'packed2'; did you mean 'packed'?"),
        ("model: base", "modell: base", "toy.yaml:12: packed.modell: unknown key 'modell'; did you mean 'model'?"),
        ("more: {", "crawl: {", "toy.yaml:15: steps.crawl: duplicate key 'crawl', first on line 14"),
        (
            "more: {",
            "more-1: {",
            "toy.yaml:15: more-1: a step is named with letters, digits and _; it names the folder of what it makes",
        ),
        (
            "{run: data/crawl}",
            "{run: data/crawl, source: raw/none}",
            "toy.yaml:14: crawl.source: raw/none: no such file or folder",
        ),
        ("run: data/crawl}", "run: data/crawl, samples: 2000}", "toy.yaml:13: vae: 2000 samples are too many"),
        (
            "model: base",
            "model: base}\n  twice: {run: quantize/pack, model: packed",
            "toy.yaml:13: twice: packed is packed in w4a8 and cannot be trained",
        ),
        (
            "model: base",
            "model: more_packed}\n  more_packed: {run: quantize/pack, model: packed",
            "toy.yaml:12: packed: steps take each other as input: packed <- more_packed <- packed",
        ),
        (GOOD, "", "toy.yaml:1: the file is empty"),
        (GOOD, "- 1\n", "toy.yaml:1: a recipe is a mapping with `steps:`"),
        (GOOD, "steps: {}\n", "toy.yaml:1: a recipe is a mapping with `steps:`"),
    ],
)
def test_a_broken_recipe_gets_a_message_with_file_and_line(write, old, new, expected):
    assert old in GOOD
    problems = refusal(write(GOOD.replace(old, new, 1)))
    assert any(problem.startswith(expected) for problem in problems), problems
    assert not list(Path().glob("runs"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD.replace("toy", "\xe9", 1).encode("latin-1"), "toy.yaml:1: not UTF-8"),
        (GOOD + "bomb: &a [*a]\n", "toy.yaml:16: an anchor that contains itself"),
        (GOOD + "  x: [1\n", "toy.yaml:17: not YAML"),
    ],
)
def test_what_is_no_plain_yaml_is_one_problem(write, text, words):
    (problem,) = refusal(write(text))
    assert problem.startswith(words)


def test_a_missing_recipe_is_one_problem(tmp_path):
    assert refusal(tmp_path / "none.yaml") == [f"{tmp_path}/none.yaml: no such file"]


def test_all_problems_come_at_once_in_the_order_of_the_file(write):
    text = (
        GOOD.replace("steps: 10", "steps: .inf")
        .replace("vae: vae", "vae: vea")
        .replace("depth", "dept")
        .replace("data/crawl}", "data/crowl}")
    )
    problems = refusal(write(text), sets=("bse.train.lr=1", "base.train.lr=fast", "base.data.7=x"))
    assert problems == [
        "--set bse.train.lr=1: bse.train.lr: no step 'bse'; did you mean 'base'?",
        "--set base.data.7=x: base.data.7: base.data is a list of 2, so '7' is not a position in it",
        '--set base.train.lr=fast: base.train.lr: expected a number, got "fast"',
        "toy.yaml:3: shared.long.steps: .inf is not a finite number",
        "toy.yaml:9: base.vae: no step 'vea'; did you mean 'vae'?",
        "toy.yaml:10: base.paint.dept: unknown key 'dept'; did you mean 'depth'?",
        "toy.yaml:14: crawl.run: no stage 'data/crowl'; did you mean 'data/crawl'?",
    ]


def test_set_changes_one_step_and_not_what_it_shares(write):
    loaded = recipe.load(write(GOOD), sets=("vae.train.lr=2e-4", "base.paint.depth=1", "base.data.1=crawl"), root=ROOT)
    assert (loaded.step("vae").stage.train.lr, loaded.step("base").stage.train.lr) == (2e-4, 1e-3)
    assert loaded.step("base").sources["data"] == ("crawl", "crawl")


def test_inputs_may_be_folders_of_finished_artifacts(write):
    execute.recipe(recipe.load(write(GOOD), root=ROOT), launcher=Inline(), say=str)
    text = (
        "steps:\n  base: {run: pretrain/base, data: [runs/toy/more], vae: ./runs/toy/%s, paint: red, train: "
        "{steps: 1}}\n"
    )
    Path("two.yaml").write_text(text % "vae")
    loaded = recipe.load("two.yaml", root=ROOT)
    assert loaded.step("base").facts["factor"] == 16 and loaded.step("base").needs == ()
    Path("two.yaml").write_text(text % "crawl")
    assert refusal("two.yaml") == [
        "two.yaml:2: base.vae: runs/toy/crawl: this is shards (made by data/crawl), but an autoencoder is needed"
    ]
    Path("two.yaml").write_text("steps:\n  again: {run: quantize/pack, model: runs/toy/packed}\n")
    assert "packed is packed in w4a8 and cannot be trained" in refusal("two.yaml")[0]


def test_the_plan_says_what_is_done_and_what_waits(write):
    loaded = recipe.load(write(GOOD), root=ROOT)
    assert {(item.state, bool(item.waits)) for item in recipe.plan(loaded)} == {("new", False), ("new", True)}
    execute.recipe(loaded, launcher=Inline(), say=str)
    assert {(item.state, item.waits) for item in recipe.plan(loaded)} == {("done", ())}
    changed = recipe.load("toy.yaml", sets=("vae.train.lr=2e-4",), root=ROOT)
    states = {item.step.name: (item.state, item.reasons, item.waits) for item in recipe.plan(changed)}
    assert states["crawl"] == ("done", (), ()) and states["base"] == ("done", (), ("vae",))
    assert states["vae"] == ("stale", ("train.lr: 0.001 -> 0.0002",), ())
    # a made input that disappeared (to save disk) is made again; what follows waits for it
    for path in Path("runs/toy/more").rglob("*.*"):
        path.unlink()
    states = {item.step.name: (item.state, item.waits) for item in recipe.plan(loaded)}
    assert states["more"] == ("new", ()) and states["base"] == ("done", ("more",))


def test_one_step_loads_from_its_own_config(write):
    execute.recipe(recipe.load(write(GOOD), root=ROOT), launcher=Inline(), say=str)
    config = Path("runs/toy/base/step.yaml")
    assert recipe.load_step("pretrain/base", config, root=ROOT) == recipe.load("toy.yaml", root=ROOT).step("base").stage
    assert recipe.load_step("pretrain/base", config, sets=("train.steps=7",), root=ROOT).train.steps == 7
    for path, sets, words in (
        ("pretrain/vae", (), "this config is of pretrain/base, not of pretrain/vae"),
        ("pretrain/base", ("train.stepz=1",), "--set train.stepz=1: train.stepz: unknown key"),
        ("pretrain/base", ("vae=runs/toy/crawl",), "but an autoencoder is needed"),
        ("pretrain/base", ("data=[runs/none]",), "data.0: runs/none: no such folder"),
    ):
        with pytest.raises(ConfigError, match=words):
            recipe.load_step(path, config, sets=sets, root=ROOT)


def test_a_manifest_can_be_walked_back_to_its_sources(write):
    execute.recipe(recipe.load(write(GOOD), root=ROOT), launcher=Inline(), say=str)
    manifest = artifact.read("runs/toy/sure", "scores")
    assert manifest.inputs["models"][1]["key"] == "small"
    base = artifact.read(manifest.sources("models")[0], "generator")
    assert (
        base.sources("data") == [Path("runs/toy/crawl"), Path("runs/toy/more")] and artifact.verify(base.folder) == []
    )
