"""Scorer of pixel digests: identical pixels get the same digest however the file was encoded.

Control tasks of one picture share their target, so the digest of a tuple also covers its task, its instruction and its
other pictures (byte for byte).
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.curation.scorers import Score, Scorer
from seedream_core.data.sources.raw_captions import INSTRUCTION


@dataclass(frozen=True, kw_only=True)
class DigestScorer(Scorer):
    gives: ClassVar[tuple[str, ...]] = ("digest",)

    def start(self, models: Mapping[str, Path]) -> Score:
        return note


def note(views: Sequence[LazySample]) -> None:
    for view in views:
        content = hashlib.blake2b(repr(view.pixels.shape).encode(), digest_size=16)
        content.update(np.ascontiguousarray(view.pixels))
        if not view.plain:
            instructions = sorted(
                (language, texts.get(INSTRUCTION, "")) for language, texts in view.sample.captions.items()
            )
            others = [[name, hashlib.blake2b(view.members[name]).hexdigest()] for name in view.further]
            content.update(json.dumps([view.sample.task, instructions, others]).encode())
        view.features["digest"] = np.frombuffer(content.digest(), np.uint8)
