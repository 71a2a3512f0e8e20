"""Captioner of synthetic scenes: writes captions from the truth in their records."""

from dataclasses import dataclass

from seedream_core.data.captioning.captioners import FIELDS, Caption, Captioner
from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.sources.raw_captions import LANGUAGES, Captions
from seedream_core.synthetic.scenes import special_captions
from seedream_core.synthetic.scenes.captions import STYLES, caption
from seedream_core.synthetic.scenes.truth import scene_of
from seedream_core.synthetic.scenes.world import World
from seedream_core.workflow.host import Host


@dataclass(frozen=True, kw_only=True)
class TruthCaptioner(Captioner):
    def known(self) -> tuple[str, ...]:
        return *STYLES, *(field for field in FIELDS if field in special_captions.FIELDS)

    def start(self, host: Host) -> Caption:
        return lambda views: [self._of(view) for view in views]

    def _of(self, view: LazySample) -> Captions:
        scene, (width, height) = scene_of(view.sample.truth), view.size
        if scene is None:
            return {}
        shorter = min(width, height)
        world = World(
            width=max(16, 16 * round(64 * width / shorter / 16)), height=max(16, 16 * round(64 * height / shorter / 16))
        )
        return {
            language: {
                field: caption(scene, language, field, view.sample.key, world)
                if field in STYLES
                else special_captions.special_caption(scene, language, field, world)
                for field in self.wanted()
            }
            for language in LANGUAGES
        }
