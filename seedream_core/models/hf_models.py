"""Loads vision models of the transformers library from local folders; remote code is never run."""

import multiprocessing
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
class HfModel:
    """A model with the processor that its pictures need."""

    model: Any
    processor: Any
    device: str

    def __call__(self, pictures: Sequence[np.ndarray]) -> Any:
        """The model's output for pictures, each H×W×3 uint8."""
        given = self.processor(images=[Image.fromarray(picture) for picture in pictures], return_tensors="pt").to(
            self.device
        )
        with torch.inference_mode():
            return self.model(**given)

    def resized(self, maps: Tensor, picture: np.ndarray) -> np.ndarray:
        """One C×h×w output at the size of its picture."""
        height, width, _ = picture.shape
        return torch.nn.functional.interpolate(maps[None].float(), (height, width), mode="bilinear")[0].cpu().numpy()


def load(path: str | None, kind: str, asker: str) -> HfModel:
    """Load a model of transformers' `AutoModelFor<kind>`; UserError where the folder holds none."""
    import transformers

    if not path:
        raise UserError(f"{asker} needs a model", f"give {asker.split()[-1]} a `path` to a model's folder on this disk")
    if not (Path(path) / "config.json").is_file():
        raise UserError(
            f"{asker}: {path} is not a model folder (no config.json)",
            f"give {asker.split()[-1]} a `path` to a model's folder on this disk",
        )
    processor = opened(transformers.AutoImageProcessor, path, asker)
    model = whole(getattr(transformers, f"AutoModelFor{kind}"), path, asker)
    if multiprocessing.parent_process():
        torch.set_num_threads(1)  # there is a process for every core already
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return HfModel(model.to(device).eval(), processor, device)


def whole(kind: Any, path: str | Path, asker: str, **options: Any) -> Any:
    """Load a model with all of its weights; UserError where some are missing (such as a head's) and would be random."""
    model, found = opened(kind, path, asker, use_safetensors=True, output_loading_info=True, **options)
    if missing := sorted(found["missing_keys"]):
        raise UserError(
            f"{asker}: {path} lacks {len(missing)} weights of {type(model).__name__}, such as {missing[0]}",
            "name a model that was trained for this",
        )
    return model


def opened(kind: Any, path: str | Path, asker: str, **options: Any) -> Any:
    """Load a folder with a class of transformers; UserError says why that failed."""
    try:
        return kind.from_pretrained(path, local_files_only=True, trust_remote_code=False, **options)
    except Exception as error:  # transformers, safetensors and torch raise any exception for a broken file
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise UserError(f"{asker}: {path} cannot be loaded: {reason[:200]}") from None
