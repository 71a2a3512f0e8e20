"""A broken recipe ends `seedream run` with exit code 2 and one message that names file, line and reason; no
traceback.
"""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from seedream_cli.main import app

GOOD = """\
shared:
  train: &train {steps: 2, global_batch: 4, lr: 1e-3}
steps:
  scenes: {run: data/synthetic, samples: 8}
  vae: {run: pretrain/autoencoder, data: scenes, train: *train}
  text: {run: pretrain/text, data: scenes, train: {<<: *train, seed: 7}}
"""
BOMB = "  a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
    f"  {b}: &{b} [{','.join(['*' + a] * 10)}]\n" for a, b in zip("abcdefg", "bcdefgh")
)


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("seed: 7", "sead: 7", 6, "text.train.sead: unknown key 'sead'; did you mean 'seed'?"),
        ("text, data: scenes", "text, data: vae", 6, "text.data: vae makes an autoencoder, but shards are needed"),
        ("text, data: scenes", "text, data: scene", 6, "text.data: no step 'scene'; did you mean 'scenes'?"),
        (
            "run: pretrain/text",
            "run: pretrain/texts",
            6,
            "text.run: no stage 'pretrain/texts'; did you mean 'pretrain/text'?",
        ),
        ("samples: 8", "samples: eight", 4, 'scenes.samples: expected a whole number, got "eight"'),
        ("autoencoder,", "autoencoder, net: {name: cnov},", 5, "'cnov'; did you mean 'conv'?"),
        ("samples: 8", "samples: 8, samples: 9", 4, "duplicate key 'samples', first on line 4"),
        ("samples: 8", "samples: !!python/name:os.system 8", 4, "tag 'tag:yaml.org,2002:python/name:os.system'"),
        ("shared:\n", "shared:\n" + BOMB, 2, "aliases expand to more than"),
        ("text, data: scenes", "text, data: text", 6, "text takes itself as input"),
        ("text, data: scenes", "text, data: runs/none", 6, "runs/none: no such folder; shards are needed"),
        (GOOD, "", 1, "the file is empty"),
        ("shared", "sh\xe4red", 1, "not UTF-8"),
        ("samples: 8", "samples: 0", 4, "scenes.samples: must be at least 1, got 0"),
        ("lr: 1e-3", "lr: .nan", 2, ".nan is not a finite number"),
    ],
)
def test_a_broken_recipe_is_refused_in_one_message(tmp_path, monkeypatch, old, new, line, words):
    monkeypatch.chdir(tmp_path)
    assert old in GOOD
    # for ASCII alone it is the same as UTF-8
    Path("broken.yaml").write_bytes(GOOD.replace(old, new, 1).encode("latin-1"))
    result = CliRunner().invoke(app, ["run", "broken.yaml"])
    assert result.exit_code == 2
    assert f"broken.yaml:{line}: " in result.output and words in result.output and "Traceback" not in result.output
    assert len(result.output.splitlines()) == 1
    assert not Path("runs").exists()


def test_a_missing_recipe_and_a_cycle_are_refused_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["run", "none.yaml"])
    assert (result.exit_code, result.output) == (2, "none.yaml: no such file\n")
    Path("round.yaml").write_text(
        "steps:\n  a: {run: distill/student, model: b, data: runs/none, train: {steps: 1}}\n  b: {run: "
        "distill/student, model: a, data: runs/none, train: {steps: 1}}\n"
    )
    result = CliRunner().invoke(app, ["run", "round.yaml"])
    assert result.exit_code == 2 and "round.yaml:2: a: steps take each other as input: a <- b <- a" in result.output
