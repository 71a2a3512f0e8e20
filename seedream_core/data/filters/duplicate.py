"""Exact duplicates: the same pixels again, however they are packed in a file (Seedream 2.0, first funnel)."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from seedream_core.data.filters import Filter, View
from seedream_core.records import Verdict


@dataclass(frozen=True, kw_only=True)
class Duplicate(Filter):
    def start(self) -> Callable[[View], Verdict]:
        first: dict[bytes, str] = {}

        def judge(view: View) -> Verdict:
            pixels = hashlib.blake2b(repr(view.pixels.shape).encode(), digest_size=16)
            pixels.update(view.pixels.tobytes())
            earlier = first.setdefault(pixels.digest(), view.sample.key)
            new = earlier == view.sample.key
            return Verdict(new, "" if new else f"the same pixels as {earlier}")

        return judge
