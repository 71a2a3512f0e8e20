"""The captions of an artifact of shards or latents, without the pictures."""

from pathlib import Path

from seedream_core.data.shards import ShardReader
from seedream_core.records import Sample

MOST = 200_000


def distinct(data: Path, most: int = MOST) -> list[str]:
    """Different captions of all languages and fields, in the order of their first appearance."""
    reader = ShardReader(data)
    texts: dict[str, None] = {}
    for index in range(len(reader)):
        for fields in Sample.from_json(reader.read(index)["json"]).captions.values():
            texts.update(dict.fromkeys(text for text in fields.values() if text))
        if len(texts) >= most:
            break
    return list(texts)[:most]
