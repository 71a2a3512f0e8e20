"""Identity tuples: one object of a scene cut out on grey as reference, the scene as target (SeedEdit's identity
pairs).
"""

from dataclasses import dataclass

import numpy as np

from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.pairs import Make, Pair, Pairs
from seedream_core.data.pairs.edits import clean
from seedream_core.data.pairs.inpainting import GREY
from seedream_core.data.pairs.segmentation import areas
from seedream_core.randomness import Rng
from seedream_core.synthetic.scenes.captions import canonical


@dataclass(frozen=True, kw_only=True)
class IdentityPairs(Pairs):
    def start(self) -> Make:
        return self._make

    def _make(self, view: LazySample, draw: Rng) -> list[Pair]:
        scene = clean(view.sample.truth)
        if scene is None:
            return []
        number = 1 + int(draw.uniform(0, len(scene.objects)))
        mask = areas(scene, view.size) == number
        subject = np.where(mask[..., None], view.pixels, np.uint8(GREY))
        instruction = {
            "en": f"with this very object, draw {canonical(scene.asked, 'en')}",
            "zh": f"用这个物体作画：{canonical(scene.asked, 'zh')}",
        }
        return [
            Pair(
                "identity",
                (subject,),
                (view.pixels,),
                instruction,
                dict(view.sample.captions),
                mask=~mask,
                truth={"object": number - 1, "after": scene.to_json()},
            )
        ]
