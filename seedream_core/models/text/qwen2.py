"""Qwen2's forward pass (arXiv:2407.10671) over a transformers folder, for sampling.

Importing transformers takes longer than everything else before a first picture. Other models are still
loaded through transformers.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seedream_core.workflow.artifact import load_tensors

WEIGHTS = "model.safetensors"


@dataclass(frozen=True, kw_only=True)
class Qwen2Shape:
    """The keys of config.json that a plain Qwen2 is built from."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    rms_norm_eps: float
    rope_theta: float
    eos_token_id: int | None

    @classmethod
    def of(cls, config: dict) -> "Qwen2Shape | None":
        """The shape; None where the config needs anything that this file lacks."""
        rope = config.get("rope_parameters") or {"rope_theta": config.get("rope_theta", 10000.0)}
        plain = (
            config.get("model_type") == "qwen2"
            and config.get("hidden_act") == "silu"
            and not config.get("use_sliding_window")
            and not config.get("rope_scaling")
            and rope.get("rope_type", "default") == "default"
            and not config.get("quantization_config")
            and config["hidden_size"] % config["num_attention_heads"] == 0
            and "head_dim" not in config
        )
        names = set(cls.__dataclass_fields__) - {"rope_theta"}
        return (
            cls(rope_theta=float(rope["rope_theta"]), **{name: config.get(name) for name in names}) if plain else None
        )


def read(folder: Path) -> "Qwen2 | None":
    """The model in `folder`, in float32; None for one that is not a plain Qwen2."""
    shape = Qwen2Shape.of(json.loads((folder / "config.json").read_text(encoding="utf-8")))
    if shape and (folder / WEIGHTS).is_file():
        with torch.device("meta"):
            model = Qwen2(shape)
        tensors = load_tensors(folder / WEIGHTS)
        if {name: tensor.shape for name, tensor in tensors.items()} == {
            name: tensor.shape for name, tensor in model.state_dict().items()
        }:
            model.load_state_dict({name: tensor.float() for name, tensor in tensors.items()}, assign=True)
            return model
    return None


class Qwen2(nn.Module):
    """Token ids -> hidden states; modules are named as in transformers."""

    def __init__(self, shape: Qwen2Shape) -> None:
        super().__init__()
        self.config = shape
        # Not nn.Embedding(…): its initialisation on the meta device imports torch._dynamo, a second of start-up.
        self.embed_tokens = nn.Embedding.from_pretrained(torch.empty(shape.vocab_size, shape.hidden_size))
        self.layers = nn.ModuleList(Qwen2Layer(shape) for _ in range(shape.num_hidden_layers))
        self.norm = nn.RMSNorm(shape.hidden_size, eps=shape.rms_norm_eps)

    def forward(self, input_ids: Tensor, **_: bool) -> SimpleNamespace:
        """The last layer's states after the norm, as transformers names them."""
        states = self.embed_tokens(input_ids)
        rotation = self._rotation(input_ids.shape[1], states.device)
        for layer in self.layers:
            states = layer(states, rotation)
        return SimpleNamespace(last_hidden_state=self.norm(states))

    def _rotation(self, length: int, device: torch.device) -> tuple[Tensor, Tensor]:
        size = self.config.hidden_size // self.config.num_attention_heads
        speeds = self.config.rope_theta ** -(torch.arange(0, size, 2, device=device).float() / size)
        angles = torch.arange(length, device=device).float()[:, None] * speeds
        angles = torch.cat((angles, angles), dim=-1)
        return angles.cos(), angles.sin()


class Qwen2Layer(nn.Module):
    """Causal attention and SwiGLU, each after its norm."""

    def __init__(self, shape: Qwen2Shape) -> None:
        super().__init__()
        self.input_layernorm = nn.RMSNorm(shape.hidden_size, eps=shape.rms_norm_eps)
        self.self_attn = Qwen2Attention(shape)
        self.post_attention_layernorm = nn.RMSNorm(shape.hidden_size, eps=shape.rms_norm_eps)
        self.mlp = Qwen2Mlp(shape)

    def forward(self, states: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
        states = states + self.self_attn(self.input_layernorm(states), rotation)
        return states + self.mlp(self.post_attention_layernorm(states))


class Qwen2Attention(nn.Module):
    """Grouped-query attention with biased queries, keys and values."""

    def __init__(self, shape: Qwen2Shape) -> None:
        super().__init__()
        width, self.size = shape.hidden_size, shape.hidden_size // shape.num_attention_heads
        self.groups = shape.num_attention_heads // shape.num_key_value_heads
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(width, shape.num_key_value_heads * self.size)
        self.v_proj = nn.Linear(width, shape.num_key_value_heads * self.size)
        self.o_proj = nn.Linear(width, width, bias=False)

    def forward(self, states: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
        q, k, v = (
            project(states).unflatten(-1, (-1, self.size)).transpose(1, 2)
            for project in (self.q_proj, self.k_proj, self.v_proj)
        )
        q, k = _rotate(q, *rotation), _rotate(k, *rotation)
        k, v = k.repeat_interleave(self.groups, 1), v.repeat_interleave(self.groups, 1)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.o_proj(mixed.transpose(1, 2).flatten(2))


class Qwen2Mlp(nn.Module):
    def __init__(self, shape: Qwen2Shape) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(shape.hidden_size, shape.intermediate_size, bias=False)
        self.up_proj = nn.Linear(shape.hidden_size, shape.intermediate_size, bias=False)
        self.down_proj = nn.Linear(shape.intermediate_size, shape.hidden_size, bias=False)

    def forward(self, states: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(states)) * self.up_proj(states))


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    half = x.shape[-1] // 2
    turned = torch.cat((-x[..., half:], x[..., :half]), dim=-1)
    return (x * cos + turned * sin).to(x.dtype)
