"""Makes an artifact of existing weights: a language model, CLIP or SigLIP (transformers' format), or an autoencoder."""

import hashlib
import math
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from seedream_core.errors import DataError
from seedream_core.workflow import stage
from seedream_core.workflow.host import Host

NEEDED = {
    "text_encoder": ("config.json", "tokenizer.json"),
    "autoencoder": ("config.yaml", "weights.safetensors"),
    "dual_encoder": ("config.json", "tokenizer.json", "tokenizer_config.json"),
}
TAKEN = ("config.json", "tokenizer.json", "encoder.json", "config.yaml", "*.safetensors", "*.safetensors.index.json")
PREPARING = (
    "tokenizer_config.json",
    "special_tokens_map.json",
    "preprocessor_config.json",
    "processor_config.json",
    "calibration.json",
)


@dataclass(frozen=True, kw_only=True)
class AdoptStage(stage.Stage):
    makes: ClassVar[str] = "text_encoder"
    source: stage.Folder
    "a folder on this machine; nothing is downloaded, and no code in it is run"
    kind: Literal["text_encoder", "autoencoder", "dual_encoder"] = "text_encoder"
    "the kind of weights in the folder, which is the kind of the artifact"
    sha256: dict[str, str] = field(default_factory=dict)
    "file name -> its required checksum; the manifest records the checksums of all files in any case"

    def __post_init__(self) -> None:
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", str(self.source)):
            raise ValueError(f"source: {self.source} is a URL; download it and name the folder")

    @classmethod
    def product(cls, options: Mapping[str, Any]) -> str:
        kind = options.get("kind", cls.makes)
        return kind if isinstance(kind, str) else cls.makes  # the config's validation reports other types

    def facts(self, inputs: Mapping[str, Any]) -> dict:
        self._check()
        return {"text_encoder": self._text_facts, "autoencoder": self._autoencoder_facts, "dual_encoder": dict}[
            self.kind
        ]()

    def run(self, out: Path, host: Host) -> dict:
        self._check()
        for name, wanted in self.sha256.items():
            if not (self.source / name).is_file():
                raise DataError(f"{self.source}: no {name}, whose sha256 is given")
            with open(self.source / name, "rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != wanted.lower():
                raise DataError(f"{self.source / name}: its sha256 is {found}, not {wanted}", "download it again")
        network = out / "network"
        network.mkdir(parents=True, exist_ok=True)
        for path in self._files():
            shutil.copyfile(path, network / path.name)
        return {"text_encoder": self._try_text, "autoencoder": self._try_autoencoder, "dual_encoder": self._try_dual}[
            self.kind
        ](network)

    def _files(self) -> list[Path]:
        taken = (*TAKEN, *PREPARING) if self.kind == "dual_encoder" else TAKEN
        return sorted({path for pattern in taken for path in self.source.glob(pattern) if path.is_file()})

    def _check(self) -> None:
        """Refuse files that could run code, and folders that are not of the given kind."""
        if not self.source.is_dir():
            raise DataError(f"{self.source}: no such folder")
        missing = [name for name in NEEDED[self.kind] if not (self.source / name).is_file()]
        if missing:
            raise DataError(f"{self.source}: no {', '.join(missing)}, so this is no {self.kind.replace('_', ' ')}")
        if code := sorted(path.name for path in self.source.glob("*.py")):
            raise DataError(f"{self.source}: {code[0]} is code that comes with the model; refused")
        if not list(self.source.glob("*.safetensors")):
            raise DataError(f"{self.source}: no .safetensors; pickled weights are never read", "convert them first")
        if self.kind != "autoencoder":
            from seedream_core.models.text.llm import check_folder

            check_folder(self.source)

    def _text_facts(self) -> dict:
        from safetensors import SafetensorError, safe_open

        from seedream_core.models.text.llm import MAX_TOKENS, WHITENING, check_folder, read_note

        parameters = 0
        for path in set(self.source.glob("*.safetensors")) - {self.source / WHITENING}:
            try:
                with safe_open(path, framework="numpy") as file:
                    parameters += sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118
            except SafetensorError as error:
                raise DataError(f"{path}: not a complete safetensors file ({error})", "download it again") from None
        config = check_folder(self.source)
        if missing := [key for key in ("hidden_size", "vocab_size") if not isinstance(config.get(key), int)]:
            raise DataError(
                f"{self.source / 'config.json'}: no {' and no '.join(missing)}, so this is no language model that "
                "transformers would give features of",
                "adopt a model of the Llama or Qwen kind",
            )
        note = read_note(self.source)
        return {
            "width": config["hidden_size"] * len(note.get("layers", [-1])),
            "max_tokens": note.get("max_tokens", MAX_TOKENS),
            "vocabulary": config["vocab_size"],
            "parameters": parameters,
        }

    def _autoencoder_facts(self) -> dict:
        import torch

        from seedream_core.models import network
        from seedream_core.models.autoencoder import AutoencoderConfig

        config, _ = network.read_config(self.source, AutoencoderConfig)
        with torch.device("meta"):
            parameters = sum(p.numel() for p in config.build().parameters())
        return {"factor": config.factor, "channels": config.channels, "parameters": parameters}

    def _try_text(self, folder: Path) -> dict:
        """Check that features of a sentence in each language are finite and differ."""
        import torch

        from seedream_core.models.text.llm import LlmEncoder

        encoder = LlmEncoder.load(folder)
        with torch.no_grad():
            ids, mask = encoder.tokenize(["a red circle", "一个红色圆形"])
            features = encoder(ids, mask)
        if not bool(features.isfinite().all()) or bool((features[0, 0] == features[1, 0]).all()):
            raise DataError(f"{self.source}: its features are not finite, or the same for different words")
        return {}

    def _try_autoencoder(self, folder: Path) -> dict:
        import torch

        from seedream_core.pipeline import generator

        module = generator.load_autoencoder(folder.parent)
        with torch.no_grad():
            image = torch.linspace(-1, 1, 3 * (4 * module.config.factor) ** 2).view(1, 3, 4 * module.config.factor, -1)
            if not bool(module.decode(module.encode(image).mean).isfinite().all()):
                raise DataError(f"{self.source}: its pictures are not finite")
        return {}

    def _try_dual(self, folder: Path) -> dict:
        """Check that vectors of two pictures and of two captions are finite and differ."""
        import numpy as np

        from seedream_core.models.dual_encoder.artifact import load

        encoder = load(folder)
        gray = np.full((64, 64, 3), 127, np.uint8)
        lit = gray.copy()
        lit[:32] = 255
        for vectors in (encoder.images([gray, lit]), encoder.texts(["a red circle", "一个红色圆形"])):
            if not np.isfinite(vectors).all() or np.array_equal(*vectors):
                raise DataError(
                    f"{self.source}: its vectors are not finite, or the same for different pictures or words"
                )
        return {"facts": {"dim": encoder.dim}}
