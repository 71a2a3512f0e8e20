"""On a CPU without bf16 instructions no matrix product and no convolution runs in bf16, whatever the stage."""

import sys
from pathlib import Path

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

sys.path.insert(0, str(Path(__file__).parents[1] / "toys"))

import toy_training as toy

from seedream_core import processor
from seedream_core.data.loading.batches import latent_batches
from seedream_core.data.loading.caption_mix import CaptionMix
from seedream_core.errors import UserError
from seedream_core.flow.timesteps import Timesteps
from seedream_core.logs import read_rows
from seedream_core.objectives.flow import FlowModule
from seedream_core.pipeline import generator
from seedream_core.pipeline.sampler import Sampler
from seedream_core.stages.data.encode import EncodeStage
from seedream_core.stages.data.synthetic import SyntheticStage
from seedream_core.training.fit import fit
from seedream_core.workflow.host import Host
from seedream_core.workflow.packaged import packaged

PRODUCTS = {str(packet).replace(".", "::") for packet in flop_registry} | {
    "aten::scaled_dot_product_attention",
    "aten::mv",
    "aten::dot",
}


class Products(TorchDispatchMode):
    """Counts the products that run, by the type of what they multiply."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: dict[torch.dtype, int] = {}

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        if operation._schema.name in PRODUCTS:
            taken = {part.dtype for part in tree_leaves((args, kwargs)) if isinstance(part, torch.Tensor)}
            for dtype in taken & {torch.bfloat16, torch.float32}:
                self.counts[dtype] = self.counts.get(dtype, 0) + 1
        else:
            with self:  # in inference mode `linear`, `conv2d` and others come here whole
                parts = operation.decompose(*args, **(kwargs or {}))
            if parts is not NotImplemented:
                return parts
        return operation(*args, **(kwargs or {}))


@pytest.fixture
def old_cpu(monkeypatch):
    monkeypatch.setattr(processor, "has_bf16", lambda: False)


def train_flow(tiny_generator, tiny_latents, out, machine, *, steps=4, **train) -> list[float]:
    """The losses of a few steps of a small MM-DiT."""
    config = toy.config(steps=steps, global_batch=12, sample_every=1000, log_every=1, checkpoint_every=1000, **train)
    module = FlowModule(
        generator.load(tiny_generator), train=config, timesteps=Timesteps.find("uniform")(), prompts=["a"]
    )
    batches = latent_batches(tiny_latents, train=config, captions=CaptionMix(), host=machine)
    fit(module, batches, config, machine, out)
    return [row["loss"] for row in read_rows(out / "logs" / "metrics.jsonl")]


def test_the_counter_sees_bf16():
    """On the meta device, where nothing is computed."""
    matrix = torch.ones(2, 2, device="meta", dtype=torch.bfloat16)
    image, kernel = torch.ones(1, 2, 4, 4, device="meta"), torch.ones(2, 2, 1, 1, device="meta")
    for work in (
        lambda: matrix @ matrix,
        lambda: torch.nn.functional.linear(matrix, matrix),
        lambda: torch.baddbmm(matrix[None], matrix[None], matrix[None]),
        lambda: torch.nn.functional.conv2d(image.bfloat16(), kernel.bfloat16()),
        lambda: torch.nn.functional.scaled_dot_product_attention(image.bfloat16(), image.bfloat16(), image.bfloat16()),
    ):
        with Products() as products, torch.inference_mode():
            work()
        assert products.counts.get(torch.bfloat16), work


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_training(optimizer, old_cpu, tiny_generator, tiny_latents, tmp_path):
    with Products() as products:
        losses = train_flow(tiny_generator, tiny_latents, tmp_path, Host(accelerator="cpu"), optimizer=optimizer)
    assert len(losses) == 4 and products.counts[torch.float32] > 100 and torch.bfloat16 not in products.counts


@pytest.mark.parametrize("quantised", [False, True])
def test_sampling(quantised, old_cpu, tiny_generator):
    """The packaged model's text encoder is stored in bf16."""
    with Products() as products:
        sampler = Sampler.load(packaged() if quantised else tiny_generator, bf16=Host(accelerator="cpu").bf16())
        sampler.images(["a red circle on a white background"], [0], steps=2)
    assert products.counts[torch.float32] > 20 and torch.bfloat16 not in products.counts


def test_encoding(old_cpu, tmp_path):
    for name in ("data", "latents"):
        (tmp_path / name).mkdir()
    SyntheticStage(samples=8).run(tmp_path / "data", Host(accelerator="cpu"))
    with Products() as products:
        stage = EncodeStage(data=tmp_path / "data", vae=packaged("packaged/autoencoder"), batch=4)
        stage.run(tmp_path / "latents", Host(accelerator="cpu"))
    assert products.counts[torch.float32] > 4 and torch.bfloat16 not in products.counts


def test_bf16_trains_as_f32_or_is_refused(tiny_generator, tiny_latents, tmp_path):
    rounded = toy.host(precision="bf16")
    if not processor.has_bf16():
        with pytest.raises(UserError, match="host: precision: bf16: this CPU has none"):
            train_flow(tiny_generator, tiny_latents, tmp_path / "bf16", rounded)
        return
    exact = train_flow(tiny_generator, tiny_latents, tmp_path / "f32", toy.host(), steps=20)
    near = train_flow(tiny_generator, tiny_latents, tmp_path / "bf16", rounded, steps=20)
    assert near != exact and sum(near[-5:]) == pytest.approx(sum(exact[-5:]), rel=0.02)


def test_a_sampler_in_bf16_is_refused(old_cpu, tiny_generator):
    with pytest.raises(UserError, match="sampler: precision: bf16"):
        Sampler.load(tiny_generator, bf16=True)
