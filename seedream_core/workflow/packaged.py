"""Names of the packaged model and its parts (`packaged`, `packaged/autoencoder`), where a stage takes an artifact."""

from importlib import resources
from pathlib import Path

PARTS = ("autoencoder", "text")


def packaged(name: str = "packaged") -> Path | None:
    """The folder behind `packaged`, `packaged/autoencoder` or `packaged/text`; None for any other name, and where
    a folder of that name exists.
    """
    first, _, part = name.partition("/")
    if first != "packaged" or (part and part not in PARTS) or Path(name).exists():
        return None
    return Path(str(resources.files("seedream_core") / "pretrained" / part))
