"""Models of others for looking at pictures (transformers), loaded from folders on this disk; their own code is never run."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from seedream_core.errors import UserError


@dataclass
class Outside:
    """A model with the processor that its pictures need."""

    model: Any
    processor: Any
    device: str

    def __call__(self, pictures: Sequence[np.ndarray]) -> Any:
        """The model's output for pictures, each H×W×3 uint8."""
        given = self.processor(images=[Image.fromarray(picture) for picture in pictures], return_tensors="pt").to(self.device)
        with torch.inference_mode():
            return self.model(**given)

    def resized(self, maps: Tensor, picture: np.ndarray) -> np.ndarray:
        """One C×h×w output at the size of its picture."""
        height, width, _ = picture.shape
        return torch.nn.functional.interpolate(maps[None].float(), (height, width), mode="bilinear")[0].cpu().numpy()


def load(path: str | None, kind: str, asker: str) -> Outside:
    """A model that transformers' `AutoModelFor<kind>` knows; UserError where the folder holds none."""
    import transformers

    if not path or not (Path(path) / "config.json").is_file():
        raise UserError(f"{asker}: {path or 'no path'} is no model folder", f"give {asker.split()[-1]} a path to one that is on this disk")
    try:
        processor = transformers.AutoImageProcessor.from_pretrained(path, local_files_only=True, trust_remote_code=False)
        model = getattr(transformers, f"AutoModelFor{kind}").from_pretrained(path, local_files_only=True, trust_remote_code=False, use_safetensors=True)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise UserError(f"{asker}: {path} cannot be loaded: {str(error).splitlines()[0][:200]}") from None
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return Outside(model.to(device).eval(), processor, device)
