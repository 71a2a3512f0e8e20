"""Latents are the autoencoder's, once: interrupted runs go on and end in the same bytes, changed inputs start again."""

from dataclasses import replace

import pytest
import torch

from seedream_core import processor
from seedream_core.data.images.pictures import decode
from seedream_core.data.loading.batches import latent_batches, picture_batches
from seedream_core.data.loading.latents import read_statistics, unpack
from seedream_core.data.pairs import Pairs
from seedream_core.data.storage.shards import ShardReader, ShardWriter
from seedream_core.errors import DataError, UserError
from seedream_core.models import network
from seedream_core.models.autoencoder.conv import Conv
from seedream_core.pipeline.generator import load_autoencoder
from seedream_core.records import Sample
from seedream_core.stages.data import encode
from seedream_core.stages.data.encode import EncodeStage
from seedream_core.stages.data.pairs import PairsStage
from seedream_core.stages.data.synthetic import SyntheticStage
from seedream_core.workflow.host import Host, Train

HOST = Host(precision="f32", accelerator="cpu", threads=1)


def autoencoder(folder, seed=0):
    torch.manual_seed(seed)
    config = Conv(factor=16, channels=4, widths=(8, 16, 16), decoder_blocks=1)
    module = config.build()
    module.set_statistics(torch.tensor([0.5, -0.5, 0.0, 1.0]), torch.tensor([1.0, 2.0, 0.5, 1.0]))
    network.save(folder / "network", config, module.state_dict())
    return folder


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    (folder / "data").mkdir()
    SyntheticStage(samples=70).run(folder / "data", Host())
    return {"data": folder / "data", "vae": autoencoder(folder / "vae")}


def run(out, inputs, host=HOST, **options) -> dict:
    out.mkdir(exist_ok=True)
    return EncodeStage(**inputs, batch=16, samples_per_shard=20, **options).run(out, host)


def files(out) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def test_latents_are_the_autoencoders(tmp_path, inputs):
    metrics = run(tmp_path, inputs)
    assert metrics["samples"] == metrics["encoded_now"] == 70
    pictures, latents = ShardReader(inputs["data"]), ShardReader(tmp_path)
    module = load_autoencoder(inputs["vae"]).eval()
    assert latents.keys == pictures.keys and len(list((tmp_path / "shards").glob("*.tar"))) == 4
    for index in (0, 19, 20, 69):
        image = torch.from_numpy(decode(pictures.read(index)).copy()).permute(2, 0, 1)[None] / 127.5 - 1
        with torch.no_grad():
            posterior = module.encode(image)
        members = latents.read(index)
        both = unpack("k", members["latent.safetensors"]).float()
        assert torch.allclose(both, torch.cat([posterior.mean, posterior.std]), atol=2e-3)
        assert members["json"] == pictures.read(index)["json"]
    assert torch.equal(read_statistics(tmp_path)[0].flatten(), module.latent_mean)


def test_batches_give_what_the_autoencoder_normalises(tmp_path, inputs):
    run(tmp_path, inputs)
    module = load_autoencoder(inputs["vae"])
    batch = latent_batches(tmp_path, train=Train(steps=1, global_batch=70)).batch(0)
    pictures = picture_batches(inputs["data"], train=Train(steps=1, global_batch=70)).batch(0)
    assert batch.keys == pictures.keys
    with torch.no_grad():
        posterior = module.encode(pictures.images)
    spread = posterior.std / module.latent_std[:, None, None]
    error = (batch.latents - module.normalise(posterior.mean)) / spread
    assert abs(error.mean()) < 0.1 and abs(error.std() - 1) < 0.1


def test_bf16_is_near_or_refused(tmp_path, inputs):
    rounded = Host(precision="bf16", accelerator="cpu", threads=1)
    if not processor.has_bf16():
        with pytest.raises(UserError, match="precision: bf16: this CPU has none"):
            run(tmp_path / "b", inputs, rounded)
        assert not list((tmp_path / "b").iterdir())
        return
    run(tmp_path / "a", inputs)
    run(tmp_path / "b", inputs, rounded)
    for index in (0, 33):
        a, b = (unpack("k", ShardReader(tmp_path / name).read(index)["latent.safetensors"]).float() for name in "ab")
        assert (a - b).abs().max() < 0.05 * a.abs().max()


def test_an_interrupted_run_goes_on(tmp_path, inputs, monkeypatch):
    run(tmp_path / "whole", inputs)
    calls, sound = [], encode._encode

    def stops(*arguments):
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return sound(*arguments)

    monkeypatch.setattr(encode, "_encode", stops)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", inputs)
    assert len(list((tmp_path / "cut" / "shards").glob("*.tar"))) == 2
    monkeypatch.undo()
    assert run(tmp_path / "cut", inputs)["encoded_now"] == 30
    assert files(tmp_path / "cut") == files(tmp_path / "whole")
    assert run(tmp_path / "cut", inputs)["encoded_now"] == 0
    assert files(tmp_path / "cut") == files(tmp_path / "whole")


def test_other_inputs_or_damage_start_again_and_say_why(tmp_path, inputs, capsys):
    run(tmp_path / "out", inputs)
    other = {**inputs, "vae": autoencoder(tmp_path / "vae", seed=1)}
    assert run(tmp_path / "out", other)["encoded_now"] == 70
    assert "starts from the beginning: autoencoder changed" in capsys.readouterr().err
    shard = tmp_path / "out" / "shards" / "00001.tar"
    shard.write_bytes(shard.read_bytes()[:-5000])
    assert run(tmp_path / "out", other)["encoded_now"] == 70
    assert "its shards changed" in capsys.readouterr().err
    run(tmp_path / "fresh", other)
    assert files(tmp_path / "out") == files(tmp_path / "fresh")


def test_facts():
    stage = EncodeStage(data="d", vae="v")
    data, vae = {"samples": 9, "width": 64, "height": 32}, {"factor": 16, "channels": 8, "parameters": 5}
    assert stage.facts({"data": data, "vae": vae}) == {
        "samples": 9,
        "width": 64,
        "height": 32,
        "channels": 8,
        "factor": 16,
    }
    with pytest.raises(ValueError, match="height of 40 pixels"):
        stage.facts({"data": data | {"height": 40}, "vae": vae})


def test_damaged_and_mixed_data(tmp_path, inputs):
    for name, size in (("a", (64, 64)), ("b", (32, 32))):
        (tmp_path / name).mkdir()
        SyntheticStage(samples=3, size=size, seed=int(name == "b")).run(tmp_path / name, Host())
    (tmp_path / "b" / "shards" / "00000.tar").rename(tmp_path / "a" / "shards" / "00001.tar")
    with pytest.raises(DataError, match="several sizes"):
        EncodeStage(data=tmp_path / "a", vae=inputs["vae"]).run(tmp_path / "out", HOST)
    shard = tmp_path / "a" / "shards" / "00000.tar"
    shard.write_bytes(shard.read_bytes()[:-3000])
    with pytest.raises(DataError, match="data/curate"):
        EncodeStage(data=tmp_path / "a", vae=inputs["vae"]).run(tmp_path / "out", HOST)


def test_tuples_are_refused_by_name_before_anything_is_encoded(tmp_path, inputs):
    tuples = PairsStage(data=inputs["data"], pairs=(Pairs.find("inpainting")(),))
    (tmp_path / "pairs").mkdir()
    tuples.run(tmp_path / "pairs", Host())
    key = ShardReader(tmp_path / "pairs").keys[0]
    with pytest.raises(
        DataError, match=f"sample {key} is part of a tuple .editmask.png, ref0.png in .*\n.*single pict"
    ):
        run(tmp_path / "out", inputs | {"data": tmp_path / "pairs"})
    assert not (tmp_path / "out" / "shards").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": "inpainting"}, "sample s0-0000001 is part of a tuple .task inpainting."),
        ({"captions": {"en": {"short": "a", "instruction": "b"}}}, "s0-0000001 is part of a tuple .captions instruct"),
        ({"captions": {"zh": {"before": "a"}}}, "s0-0000001 is part of a tuple .captions before."),
    ],
)
def test_what_no_picture_shows_never_becomes_its_caption(tmp_path, inputs, change, message):
    reader = ShardReader(inputs["data"])
    with ShardWriter(tmp_path / "data" / "shards") as writer:
        for index in range(3):
            members = reader.read(index)
            if index == 1:
                members["json"] = replace(Sample.from_json(members["json"]), **change).to_json()
            writer.add(reader.keys[index], members)
    with pytest.raises(DataError, match=message):
        run(tmp_path / "out", inputs | {"data": tmp_path / "data"})
    assert not list(tmp_path.rglob("out/shards/*.tar"))
