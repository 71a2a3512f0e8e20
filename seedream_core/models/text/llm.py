"""A decoder-only bilingual language model as text encoder: its hidden states, the last layer's by default (Seedream
2.0).

Any causal model that `transformers` loads from a folder can be used. `pretrain/text` trains a small Qwen2
with a byte-level BPE.
"""

import json
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from seedream_core.errors import DataError
from seedream_core.models.network import fill
from seedream_core.models.text import qwen2
from seedream_core.models.text.feature_cache import FeatureCache
from seedream_core.models.text.whitening import Whitening
from seedream_core.workflow.artifact import load_tensors, save_tensors, write_atomic

MAX_TOKENS = 128
NOTE, WHITENING = "encoder.json", "whitening.safetensors"


class LlmEncoder(nn.Module):
    """Text -> one feature vector per token. The empty text is the null caption: its end token alone."""

    def __init__(
        self,
        model: nn.Module,
        tokenizer: Tokenizer,
        end_token: int,
        max_tokens: int = MAX_TOKENS,
        layers: Sequence[int] = (-1,),
        whitening: Whitening | None = None,
    ) -> None:
        """`layers` are stacked in a feature: 0 is the embedding, -1 the states after the last norm."""
        super().__init__()
        self.model, self.tokenizer = model, tokenizer
        self.end_token, self.max_tokens = end_token, max_tokens
        self.layers, self.whitening = tuple(layers), whitening

    @property
    def width(self) -> int:
        return self.model.config.hidden_size * len(self.layers)

    def tokenize(self, captions: list[str]) -> tuple[Tensor, Tensor]:
        """ids and mask (True is a token), each B x L, padded on the right, every text ends with the end token."""
        limit = self.max_tokens - 1
        rows = [
            [*encoding.ids[:limit], self.end_token]
            for encoding in self.tokenizer.encode_batch(captions, add_special_tokens=False)
        ]
        lengths = torch.tensor([len(row) for row in rows])
        longest = int(lengths.max())
        ids = torch.tensor([row + [self.end_token] * (longest - len(row)) for row in rows])
        return ids, torch.arange(longest)[None, :] < lengths[:, None]

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """B x L x width, zero on padding, which is on the right, so that a causal model's tokens never attend to it."""
        features = torch.cat(self._states(ids), dim=-1)
        return (self.whitening(features) if self.whitening else features) * mask[:, :, None]

    def _states(self, ids: Tensor) -> list[Tensor]:
        """The hidden states of `layers` only; all layers would take many times the memory."""
        depth, kept = self.model.config.num_hidden_layers, {}
        read = [layer % (depth + 1) for layer in self.layers]

        def keep(number: int, args: tuple, named: dict) -> None:
            kept[number] = args[0] if args else named["hidden_states"]

        # the input of layer i is what transformers calls hidden state i
        hooks = [
            self.model.layers[number].register_forward_pre_hook(
                lambda _, args, named, number=number: keep(number, args, named), with_kwargs=True
            )
            for number in set(read) - {depth}
        ]
        try:
            kept[depth] = self.model(input_ids=ids, use_cache=False).last_hidden_state
        finally:
            for hook in hooks:
                hook.remove()
        return [kept[number] for number in read]

    def tune(self) -> "LlmEncoder":
        """Make the parts that features depend on trainable; layers above the highest one read get no gradient and stay
        frozen.
        """
        self.requires_grad_(True).train()
        depth = self.model.config.num_hidden_layers
        read = max(layer % (depth + 1) for layer in self.layers)
        if read < depth:
            for part in (*self.model.layers[read:], self.model.norm):
                part.requires_grad_(False)
        return self

    @torch.no_grad()
    def whiten(self, captions: list[str], batch: int = 256) -> None:
        """Measure the whitening of these features on captions and store it."""
        self.whitening = None
        features = []
        for first in range(0, len(captions), batch):
            ids, mask = self.tokenize(captions[first : first + batch])
            features.append(self(ids, mask)[mask])
        whitening = Whitening(self.model.config.hidden_size, len(self.layers))
        whitening.measure(features)
        self.whitening = whitening

    def save(self, folder: Path) -> None:
        """Write the model in transformers' format, and this project's settings beside it."""
        from transformers.utils import logging

        folder.mkdir(parents=True, exist_ok=True)
        logging.disable_progress_bar()
        self.model.save_pretrained(folder)
        write_atomic(folder / "tokenizer.json", self.tokenizer.to_str())
        page = {"end_token": self.end_token, "max_tokens": self.max_tokens, "layers": list(self.layers)}
        write_atomic(folder / NOTE, json.dumps(page))
        if self.whitening:
            save_tensors(folder / WHITENING, self.whitening.state_dict())

    @classmethod
    def load(cls, folder: Path, *, sampling: bool = False) -> "LlmEncoder":
        """Read a folder in transformers' format; with `sampling`, transformers is not imported where it is not
        needed.
        """
        check_folder(folder)
        model = (qwen2.read(folder) if sampling else None) or through_transformers(folder)
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        page = read_note(folder)
        layers = page.get("layers", [-1])
        encoder = cls(
            model.eval(),
            tokenizer,
            page.get("end_token", _end_token(model)),
            page.get("max_tokens", MAX_TOKENS),
            layers,
        )
        if (folder / WHITENING).is_file():
            encoder.whitening = Whitening(model.config.hidden_size, len(layers))
            fill(encoder.whitening, load_tensors(folder / WHITENING), folder / WHITENING)
        return encoder


def _end_token(model: nn.Module) -> int:
    """The config's end token (the first of several); the padding token where there is no end token."""
    end = model.config.eos_token_id
    end = end[0] if isinstance(end, list) and end else end
    return end if isinstance(end, int) else model.config.pad_token_id or 0


def read_note(folder: Path) -> dict:
    """This project's settings beside a transformers model; empty for a folder that it did not write."""
    note = folder / NOTE
    if not note.is_file():
        return {}
    try:
        page = json.loads(note.read_bytes())
        layers = page.get("layers", [-1])
        if not layers or not all(type(number) is int for number in (*layers, page["end_token"], page["max_tokens"])):
            raise ValueError("end_token and max_tokens are whole numbers, layers a list of them")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{note}: not readable ({error})", "make the text encoder again, or remove that file") from None
    return page


def through_transformers(folder: Path) -> nn.Module:
    """Any causal model, in float32; code that comes with a model is never run."""
    from transformers import AutoModel
    from transformers.utils import logging

    # The loading bar of transformers would mix with our output.
    logging.disable_progress_bar()
    return AutoModel.from_pretrained(
        folder, local_files_only=True, trust_remote_code=False, use_safetensors=True, dtype=torch.float32
    )


def check_folder(folder: Path) -> dict:
    """The config of a plain transformers model; DataError unless it has a fast tokenizer and no custom code."""
    for name in ("config.json", "tokenizer.json"):
        if not (folder / name).is_file():
            raise DataError(f"{folder}: no {name}; a text encoder is a transformers folder with a fast tokenizer")
    try:
        config = json.loads((folder / "config.json").read_bytes())
        if not isinstance(config, dict):
            raise ValueError("not a mapping")
    except ValueError as error:
        raise DataError(f"{folder}/config.json: not readable ({error})", "download it again") from None
    for key in ("auto_map", "_attn_implementation_internal"):
        if key in config:
            raise DataError(
                f"{folder}/config.json: '{key}' would run or choose code that comes with the model; refused"
            )
    return config


class FrozenFeatures:
    """Features of a frozen encoder, computed once per caption and kept in bf16: in memory up to `gigabytes`, and on
    disk where a cache is given.
    """

    def __init__(self, encoder: LlmEncoder, gigabytes: float = 0.5) -> None:
        self.encoder = encoder.eval().requires_grad_(False)
        self.limit = int(gigabytes * 2**30)
        self.size = 0
        self.kept: OrderedDict[str, Tensor] = OrderedDict()
        self.disk: FeatureCache | None = None

    def to(self, device: torch.device) -> "FrozenFeatures":
        """Compute on this device from now on; results stay on the CPU."""
        self.encoder.to(device)
        return self

    def keep_on_disk(self, cache: FeatureCache) -> None:
        """Read features from this cache where it has them, and store new ones in it."""
        self.disk = cache

    @torch.no_grad()
    def __call__(self, captions: list[str]) -> tuple[Tensor, Tensor]:
        """Features B x L x width, float32, zero on padding, and mask B x L."""
        missing = [caption for caption in dict.fromkeys(captions) if not self._find(caption)]
        # One padded length at a time, a multiple of eight: with other padding the last bits of a feature differ, and a
        # resumed run, which sees captions in other batches, would not end as an uninterrupted one.
        groups: dict[int, list[str]] = {}
        for caption, length in zip(missing, self.encoder.tokenize(missing)[1].sum(1).tolist() if missing else ()):
            groups.setdefault(-(-length // 8), []).append(caption)
        for eighths, group in groups.items():
            self._compute(group, eighths * 8)
        rows = [self.kept[caption] for caption in captions]
        if self.disk:
            self.disk.add({caption: self.kept[caption] for caption in missing})
        features = nn.utils.rnn.pad_sequence(rows, batch_first=True).float()
        lengths = torch.tensor([len(row) for row in rows])
        mask = torch.arange(features.shape[1])[None, :] < lengths[:, None]
        self._shrink()
        return features, mask

    def _find(self, caption: str) -> bool:
        if caption not in self.kept and self.disk and (row := self.disk.read(caption)) is not None:
            self._keep(caption, row)
        return caption in self.kept

    def _compute(self, captions: list[str], length: int) -> None:
        ids, mask = self.encoder.tokenize(captions)
        ids, mask = (nn.functional.pad(part, (0, length - part.shape[1])) for part in (ids, mask))
        device = next(self.encoder.parameters()).device
        with torch.autocast(device.type, enabled=False):  # the same features under any caller's autocast
            features = self.encoder(ids.to(device), mask.to(device)).cpu()
        for caption, row, length in zip(captions, features, mask.sum(1).tolist()):
            self._keep(caption, row[:length].to(torch.bfloat16))

    def _keep(self, caption: str, row: Tensor) -> None:
        self.kept[caption] = row
        self.size += row.nbytes

    def _shrink(self) -> None:
        while self.size > self.limit:
            _, row = self.kept.popitem(last=False)
            self.size -= row.nbytes
