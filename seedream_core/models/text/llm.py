"""A decoder-only bilingual LLM as text encoder: its last hidden states (Seedream 2.0, A5).

Any causal model that `transformers` loads from a folder serves; ours is a small Qwen2
that `pretrain/text` trains with its own byte-level BPE.
"""

import json
from collections import OrderedDict
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from seedream_core.artifact import write_atomic
from seedream_core.errors import DataError
from seedream_core.models.text import qwen2

MAX_TOKENS = 128


class LlmEncoder(nn.Module):
    """Text -> one feature vector per token. The empty text is the null caption: its end token alone."""

    def __init__(self, model: nn.Module, tokenizer: Tokenizer, end_token: int, max_tokens: int = MAX_TOKENS) -> None:
        super().__init__()
        self.model, self.tokenizer = model, tokenizer
        self.end_token, self.max_tokens = end_token, max_tokens

    @property
    def width(self) -> int:
        return self.model.config.hidden_size

    def tokenize(self, captions: list[str]) -> tuple[Tensor, Tensor]:
        """ids and mask (True is a token), each B x L, padded on the right, every text closed by the end token."""
        limit = self.max_tokens - 1
        rows = [encoding.ids[:limit] + [self.end_token]
                for encoding in self.tokenizer.encode_batch(captions, add_special_tokens=False)]
        lengths = torch.tensor([len(row) for row in rows])
        longest = int(lengths.max())
        ids = torch.tensor([row + [self.end_token] * (longest - len(row)) for row in rows])
        return ids, torch.arange(longest)[None, :] < lengths[:, None]

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """B x L x width, after the model's last norm. Padding sits on the right, where a causal model never looks back from."""
        return self.model(input_ids=ids, use_cache=False).last_hidden_state * mask[:, :, None]

    def save(self, folder: Path) -> None:
        """Write the model in transformers' own format."""
        from transformers.utils import logging

        folder.mkdir(parents=True, exist_ok=True)
        logging.disable_progress_bar()
        self.model.save_pretrained(folder)
        write_atomic(folder / "tokenizer.json", self.tokenizer.to_str())
        write_atomic(folder / "encoder.json", json.dumps({"end_token": self.end_token, "max_tokens": self.max_tokens}))

    @classmethod
    def load(cls, folder: Path, *, sampling: bool = False) -> "LlmEncoder":
        """Read a folder in transformers' format; `sampling` spares the import of transformers where it can."""
        check_folder(folder)
        model = (qwen2.read(folder) if sampling else None) or through_transformers(folder)
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        note = folder / "encoder.json"
        page = json.loads(note.read_text()) if note.is_file() else {}
        end_token = page.get("end_token", model.config.eos_token_id)
        return cls(model.eval(), tokenizer, end_token, page.get("max_tokens", MAX_TOKENS))


def through_transformers(folder: Path) -> nn.Module:
    """Any causal model, in float32; code that comes with a model is never run."""
    from transformers import AutoModel
    from transformers.utils import logging

    # Its loading bar would stand among our own lines.
    logging.disable_progress_bar()
    return AutoModel.from_pretrained(folder, local_files_only=True, trust_remote_code=False,
                                     use_safetensors=True, dtype=torch.float32)


def check_folder(folder: Path) -> None:
    """DataError unless the folder is a plain transformers model: safetensors, a fast tokenizer, no code of its own."""
    for name in ("config.json", "tokenizer.json"):
        if not (folder / name).is_file():
            raise DataError(f"{folder}: no {name}; a text encoder is a transformers folder with a fast tokenizer")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    for key in ("auto_map", "_attn_implementation_internal"):
        if key in config:
            raise DataError(f"{folder}/config.json: '{key}' would run or choose code that comes with the model; refused")


class FrozenFeatures:
    """Features of a frozen encoder, computed once per caption and kept in half precision up to `gigabytes`."""

    def __init__(self, encoder: LlmEncoder, gigabytes: float = 0.5) -> None:
        self.encoder = encoder.eval().requires_grad_(False)
        self.limit = int(gigabytes * 2**30)
        self.size = 0
        self.kept: OrderedDict[str, Tensor] = OrderedDict()

    @torch.no_grad()
    def __call__(self, captions: list[str]) -> tuple[Tensor, Tensor]:
        """Features B x L x width, float32, zero on padding, and mask B x L."""
        missing = [caption for caption in dict.fromkeys(captions) if caption not in self.kept]
        # One length at a time, in eighths: with other padding the last bits of a feature differ, and then a resumed
        # run, which meets captions in other company, would not end as an uninterrupted one.
        groups: dict[int, list[str]] = {}
        for caption, length in zip(missing, self.encoder.tokenize(missing)[1].sum(1).tolist() if missing else ()):
            groups.setdefault(-(-length // 8), []).append(caption)
        for eighths, group in groups.items():
            self._compute(group, eighths * 8)
        rows = [self.kept[caption] for caption in captions]
        features = nn.utils.rnn.pad_sequence(rows, batch_first=True).float()
        lengths = torch.tensor([len(row) for row in rows])
        mask = torch.arange(features.shape[1])[None, :] < lengths[:, None]
        self._shrink()
        return features, mask

    def _compute(self, captions: list[str], length: int) -> None:
        ids, mask = self.encoder.tokenize(captions)
        ids, mask = (nn.functional.pad(part, (0, length - part.shape[1])) for part in (ids, mask))
        device = next(self.encoder.parameters()).device
        features = self.encoder(ids.to(device), mask.to(device)).cpu()
        for caption, row, length in zip(captions, features, mask.sum(1).tolist()):
            self.kept[caption] = row[:length].to(torch.bfloat16)
            self.size += self.kept[caption].nbytes

    def _shrink(self) -> None:
        while self.size > self.limit:
            _, row = self.kept.popitem(last=False)
            self.size -= row.nbytes
