"""Loads the dual encoder of a folder: our own, or a CLIP or SigLIP in transformers' format."""

from pathlib import Path

from seedream_core.models.dual_encoder.base import DualEncoderBase
from seedream_core.models.dual_encoder.hf import HfDualEncoder
from seedream_core.models.dual_encoder.own import DualEncoder


def load(folder: Path) -> DualEncoderBase:
    """The encoder of an artifact of kind `dual_encoder`, or of a transformers folder of the CLIP or SigLIP kind."""
    folder = Path(folder)
    inner = folder / "network" if (folder / "network").is_dir() else folder
    if (inner / "config.yaml").is_file():
        return DualEncoder.load(inner)
    return HfDualEncoder.load(inner)
