"""The generator artifact: it finds its parts from anywhere, and notices when one of them is another."""

import shutil

import pytest
import torch

from seedream_core.errors import ConfigError, DataError, UserError
from seedream_core.pipeline import generator
from seedream_core.pipeline.sampler import Sampler
from seedream_core.workflow import artifact


@pytest.fixture
def copy(tmp_path, tiny_generator):
    """The three artifacts in a place of their own; returns the generator's folder."""
    shutil.copytree(tiny_generator.parent, tmp_path / "run")
    return tmp_path / "run" / "generator"


def picture(folder):
    return Sampler.load(folder).images(["a red circle"], [0], steps=1)


def finish(folder):
    (folder / artifact.MANIFEST).unlink(missing_ok=True)
    artifact.finish(
        folder, kind="generator", stage="tests/tiny", fingerprint="", inputs={}, facts={}, metrics={}, seconds=0
    )


def test_it_may_be_moved_together_with_its_parts(copy, tiny_generator, monkeypatch):
    monkeypatch.chdir(copy.parent.parent)
    assert (picture(copy.relative_to(copy.parent.parent)) == picture(tiny_generator)).all()


def test_writing_and_reading_loses_nothing(copy, tmp_path):
    loaded = generator.load(copy)
    assert not loaded.network.training and loaded.spec == generator.read_spec(copy)
    out = tmp_path / "elsewhere" / "again"
    generator.write(out, loaded.network, loaded.config, generator.rebase(loaded.spec, copy, out))
    finish(out)
    assert (picture(out) == picture(copy)).all()


def test_bf16_halves_the_weights(copy, tmp_path):
    loaded = generator.load(copy)
    from dataclasses import replace

    out = tmp_path / "half"
    generator.write(
        out, loaded.network, loaded.config, replace(generator.rebase(loaded.spec, copy, out), format="bf16")
    )
    whole, half = (artifact.load_tensors(folder / "network/weights.safetensors") for folder in (copy, out))
    assert {tensor.dtype for tensor in half.values()} == {torch.bfloat16} and half.keys() == whole.keys()
    network, _ = generator.load_network(out)
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}


def test_a_bundle_needs_nothing_else(copy, tmp_path):
    before = picture(copy)
    bundle = tmp_path / "bundle"
    generator.bundle(copy, bundle)
    finish(bundle)
    shutil.rmtree(copy.parent)
    assert (picture(bundle) == before).all()
    assert generator.read_spec(bundle).text.path == "text"


def test_another_part_in_the_same_place_is_noticed(copy):
    vae = copy.parent / "vae"
    tensors = artifact.load_tensors(vae / "network/weights.safetensors")
    artifact.save_tensors(
        vae / "network/weights.safetensors", {name: tensor + 1 for name, tensor in tensors.items()}, {"format": "1"}
    )
    (vae / artifact.MANIFEST).unlink()
    artifact.finish(
        vae, kind="autoencoder", stage="tests/tiny", fingerprint="", inputs={}, facts={}, metrics={}, seconds=0
    )
    with pytest.raises(DataError, match="has changed since"):
        generator.load(copy)


def test_what_is_missing_is_named(copy):
    with pytest.raises(DataError, match="no generator.yaml"):
        generator.load(copy.parent / "vae")
    shutil.rmtree(copy.parent / "text")
    with pytest.raises(UserError, match="text: no such folder"):
        generator.load(copy)


def test_a_damaged_page_or_network_is_one_message(copy):
    page = copy / generator.PAGE
    whole = page.read_text(encoding="utf-8")
    page.write_text(whole.replace("guidance:", "guidence:"), encoding="utf-8")
    with pytest.raises(ConfigError, match="did you mean 'guidance'"):
        generator.load(copy)
    page.write_text(whole, encoding="utf-8")
    config = copy / "network" / "config.yaml"
    config.write_text(config.read_text(encoding="utf-8").replace("depth: 1", "depth: 2"), encoding="utf-8")
    with pytest.raises(DataError, match="weights do not fit the config"):
        generator.load(copy)


def test_four_bit_networks_are_not_written_here(copy, tmp_path):
    from dataclasses import replace

    loaded = generator.load(copy)
    with pytest.raises(ValueError, match="quant"):
        generator.write(tmp_path / "x", loaded.network, loaded.config, replace(loaded.spec, format="w4a8"))
