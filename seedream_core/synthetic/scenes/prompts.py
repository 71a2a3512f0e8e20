"""Evaluation prompts with their requests: canonical captions, a third of each kind of scene, half in each
language.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from seedream_core.randomness import Rng
from seedream_core.synthetic.scenes.captions import LANGUAGES, canonical
from seedream_core.synthetic.scenes.world import KINDS, SceneRequest, World, draw_request


@dataclass(frozen=True)
class Prompt:
    text: str
    language: str
    kind: str
    asked: SceneRequest

    def to_json(self) -> dict:
        return {"text": self.text, "language": self.language, "kind": self.kind, "asked": self.asked.to_json()}

    @classmethod
    def from_json(cls, row: Mapping) -> "Prompt":
        return cls(row["text"], row["language"], row["kind"], SceneRequest.from_json(row["asked"]))


def evaluation_prompts(count: int, seed: int, *, held_out: bool = False, world: World | None = None) -> list[Prompt]:
    """Prompts number 0 to `count` of `seed`: kinds alternate, then languages.

    `held_out=False` asks only for pairs that training has seen; with `held_out=True` every prompt asks for at least
    one that it has not.
    """
    world = world or World()
    if held_out and not world.unseen:
        raise ValueError("held_out prompts need a world that holds colour-shape pairs out")
    prompts = []
    for index in range(count):
        kind = KINDS[index % len(KINDS)]
        language = LANGUAGES[index // len(KINDS) % len(LANGUAGES)]
        draw = Rng("prompt", "held out" if held_out else "seen", seed, index)
        asked = draw_request(draw, kind, world.unseen if held_out else world.seen, world.seen)
        prompts.append(Prompt(canonical(asked, language), language, kind, asked))
    return prompts
