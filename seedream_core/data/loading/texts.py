"""Reads the captions of an artifact of shards or latents, without the pictures."""

from itertools import permutations
from pathlib import Path

from seedream_core.data.storage.shards import ShardReader
from seedream_core.data.storage.stored_records import StoredCaptions

MOST = 200_000


def distinct(data: Path, most: int = MOST) -> list[str]:
    """Different captions of all languages and fields, in order of first appearance."""
    texts: dict[str, None] = {}
    for captions in StoredCaptions(ShardReader(data)):
        for fields in captions.values():
            texts.update(dict.fromkeys(text for text in fields.values() if text))
        if len(texts) >= most:
            break
    return list(texts)[:most]


def translations(data: Path, most: int = MOST) -> list[tuple[str, str]]:
    """Different pairs of captions of one picture and field in two languages, in both directions."""
    pairs: dict[tuple[str, str], None] = {}
    for captions in StoredCaptions(ShardReader(data)):
        for one, other in permutations(sorted(captions), 2):
            for name, text in captions[one].items():
                if text and captions[other].get(name):
                    pairs[text, captions[other][name]] = None
        if len(pairs) >= most:
            break
    return list(pairs)[:most]
