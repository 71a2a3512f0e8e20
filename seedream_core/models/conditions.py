"""The conditions of a velocity network beside latents and time: text features and the guidance scale."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Conditions:
    """The conditions of B samples. A network takes the whole record, so that a new condition is one new field."""

    text: Tensor
    """Features of the text encoder, B x L x text_width."""
    text_mask: Tensor
    """B x L, True for a token and False for padding."""

    guidance: Tensor | None = None
    """B guidance scales for a network with a guidance embedding; None for one without."""

    def to(self, device: torch.device | str) -> "Conditions":
        guidance = None if self.guidance is None else self.guidance.to(device)
        return Conditions(self.text.to(device), self.text_mask.to(device), guidance)

    def at(self, guidance: float | Tensor) -> "Conditions":
        """A copy with a guidance scale: one number for all samples, or B numbers."""
        scales = torch.as_tensor(guidance, dtype=torch.float32, device=self.text.device)
        return replace(self, guidance=scales.expand(len(self.text)))

    def stack(self, null: "Conditions") -> "Conditions":
        """These B samples, then B copies of the null caption, padded to the same length: 2B samples."""
        return Conditions(_pad_below(self.text, null.text), _pad_below(self.text_mask, null.text_mask))


def _pad_below(rows: Tensor, one: Tensor) -> Tensor:
    padded = torch.zeros_like(rows)
    padded[:, : one.shape[1]] = one
    return torch.cat([rows, padded])
