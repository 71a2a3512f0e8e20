"""pretrain/adopt: outside folders become artifacts; code, pickles, addresses and other bytes are refused."""

import hashlib
import json
import shutil

import pytest
import toy_encoder
import toy_training as toy

from seedream_core.errors import ConfigError, DataError, UserError
from seedream_core.models.dual_encoder.artifact import load
from seedream_core.models.text.llm import LlmEncoder
from seedream_core.stages.pretrain.adopt import AdoptStage
from seedream_core.workflow import artifact, execute, recipe, stage
from seedream_core.workflow.config import parse


@pytest.fixture
def llm(tiny_generator, tmp_path):
    """A small random Qwen2 as transformers writes one, with what else a public folder holds."""
    folder = tmp_path / "llm"
    shutil.copytree(tiny_generator.parent / "text" / "network", folder)
    (folder / "README.md").write_text("a model")
    (folder / "pytorch_model.bin").write_bytes(b"a pickle beside the safetensors")
    return folder


def adopt(source, out, **options):
    return execute.step(AdoptStage(source=source, **options), out, toy.host(), say=lambda line: None)


def test_language_model(llm, tmp_path):
    sha256 = hashlib.sha256((llm / "model.safetensors").read_bytes()).hexdigest()
    manifest = adopt(llm, tmp_path / "text", sha256={"model.safetensors": sha256})
    assert manifest.kind == "text_encoder"
    assert manifest.files["network/model.safetensors"]["sha256"] == sha256
    assert {name.rpartition("/")[2] for name in manifest.files} == {
        "config.json",
        "tokenizer.json",
        "encoder.json",
        "model.safetensors",
    }
    encoder = LlmEncoder.load(tmp_path / "text" / "network")
    assert manifest.facts == {
        "width": 16,
        "max_tokens": 64,
        "vocabulary": 320,
        "parameters": sum(p.numel() for p in encoder.parameters()),
    }


def test_autoencoder(tiny_generator, tmp_path):
    manifest = adopt(tiny_generator.parent / "vae" / "network", tmp_path / "vae", kind="autoencoder")
    assert manifest.kind == "autoencoder" and (manifest.facts["factor"], manifest.facts["channels"]) == (16, 4)
    assert artifact.verify(tmp_path / "vae") == []


@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_dual_encoder(kind, tmp_path):
    source = toy_encoder.make_outside(tmp_path / kind, kind)
    manifest = adopt(source, tmp_path / "encoder", kind="dual_encoder")
    assert manifest.kind == "dual_encoder" and artifact.verify(tmp_path / "encoder") == []
    assert manifest.facts == {"dim": load(source).dim}
    assert (load(tmp_path / "encoder").texts(["星"]) == load(source).texts(["星"])).all()
    (source / "preprocessor_config.json").unlink()
    with pytest.raises(DataError, match="how pictures are prepared"):
        adopt(source, tmp_path / "other", kind="dual_encoder")


def change(name, **values):
    def harm(folder):
        tree = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps(tree | values))

    return harm


@pytest.mark.parametrize(
    "harm, said",
    [
        (change("config.json", auto_map={"AutoModel": "evil.Model"}), "auto_map"),
        (change("config.json", _attn_implementation_internal="evil/kernel"), "_attn_implementation_internal"),
        (lambda folder: (folder / "modeling_evil.py").write_text("raise SystemExit"), "modeling_evil.py is code"),
        (lambda folder: (folder / "model.safetensors").unlink(), "pickled weights are never read"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "no tokenizer.json"),
        (lambda folder: (folder / "config.json").write_text('{"n_embd": 16}'), "no hidden_size and no vocab_size"),
        (lambda folder: (folder / "config.json").write_text("{"), "config.json: not readable"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"cut off"), "model.safetensors: not a complete"),
    ],
)
def test_refusals(llm, tmp_path, harm, said):
    harm(llm)
    with pytest.raises(UserError, match=said):
        adopt(llm, tmp_path / "text")
    assert not (tmp_path / "text" / "artifact.json").exists()


@pytest.mark.parametrize("ends, end", [([7, 9], 7), (None, 0)])
def test_a_model_with_several_end_tokens_or_none(llm, tmp_path, ends, end):
    (llm / "encoder.json").unlink()
    change("config.json", eos_token_id=ends, pad_token_id=None)(llm)
    adopt(llm, tmp_path / "text")
    assert LlmEncoder.load(tmp_path / "text" / "network").tokenize([""])[0].tolist() == [[end]]


def test_other_bytes_are_refused(llm, tmp_path):
    with pytest.raises(DataError, match="its sha256 is"):
        adopt(llm, tmp_path / "text", sha256={"model.safetensors": "0" * 64})


def test_address_is_refused():
    with pytest.raises((ConfigError, ValueError), match="is a URL"):
        parse(stage.find("pretrain/adopt"), {"source": "https://example.org/llm"})


def test_a_recipe_knows_what_is_adopted(llm, tiny_generator, tmp_path):
    text, vae = llm, tiny_generator.parent / "vae" / "network"
    page = tmp_path / "recipe.yaml"
    page.write_text(f"""
out: {tmp_path / "runs"}
steps:
  llm: {{run: pretrain/adopt, source: {text}}}
  vae: {{run: pretrain/adopt, source: {vae}, kind: autoencoder}}
  crawl: {{run: data/synthetic, samples: 10}}
  latents: {{run: data/encode, data: crawl, vae: vae}}
""")
    loaded = recipe.load(page)
    execute.recipe(loaded, only="vae", launcher=_inline())
    assert artifact.read(tmp_path / "runs" / "vae").kind == "autoencoder"
    page.write_text(page.read_text().replace("vae: vae}", "vae: llm}"))
    with pytest.raises(ConfigError, match="llm makes a text encoder"):
        recipe.load(page)
    page.write_text(page.read_text().replace("kind: autoencoder", "kind: 5"))
    with pytest.raises(ConfigError, match="kind"):
        recipe.load(page)


def _inline():
    from seedream_core.workflow.launch.inline import Inline

    return Inline()
