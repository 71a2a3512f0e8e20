"""Trains a defect detector on defects planted on clean pictures.

Seedream 3.0 trained its detector on 15,000 labelled pictures.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Le

from seedream_core.workflow import stage
from seedream_core.workflow.host import Host, Train

MEASURED = 300


@dataclass(frozen=True, kw_only=True)
class DetectorStage(stage.Stage):
    makes: ClassVar[str] = "detector"
    distributed: ClassVar[bool] = True
    data: stage.Shards
    "clean pictures on which defects are planted, all of one size; 256 pixels or more are best"
    validation: stage.Shards | None = None
    "clean pictures for the reported figures, not used in training; none for synthetic scenes"
    start: stage.Detector | None = None
    "a detector from which training continues, of the same side and features; none for random weights"
    scenes: Annotated[float, Ge(0), Le(1)] = 0.3
    "share of training pictures that are synthetic scenes instead of the given pictures"
    textures: Annotated[float, Ge(0), Le(1)] = 0.25
    "share of training pictures that are synthetic textures instead of the given pictures"
    clean: Annotated[float, Ge(0), Le(1)] = 0.25
    "share of training pictures without defects"
    side: Annotated[int, Ge(64)] = 192
    "pixels of the longer side to which pictures are resized, a multiple of 8"
    fine: Annotated[int, Ge(8)] = 32
    "features at a quarter of that resolution, a multiple of 8"
    coarse: Annotated[int, Ge(8)] = 64
    "features of its cells of 8 pixels, a multiple of 8"
    train: Train
    "schedule and optimiser"

    def __post_init__(self) -> None:
        if self.scenes + self.textures > 1:
            raise ValueError(f"scenes ({self.scenes}) and textures ({self.textures}) are more than all pictures")

    def facts(self, inputs: Mapping[str, Any]) -> dict:
        import torch

        stage.one_size(inputs["data"])
        if inputs["start"] and inputs["start"]["side"] != self.side:
            raise ValueError(f"side: {self.side}, but `start` has the side {inputs['start']['side']}")
        with torch.device("meta"):
            parameters = sum(p.numel() for p in self._network().parameters())
        return {"side": self.side, "parameters": parameters}

    def run(self, out: Path, host: Host) -> dict:
        import torch

        from seedream_core.data.curation.judging import judge, planted_pictures, planted_scenes
        from seedream_core.data.loading.batches import picture_batches
        from seedream_core.models import detector, network
        from seedream_core.objectives.detector import DetectorModule
        from seedream_core.training.fit import fit

        torch.manual_seed(self.train.seed)  # the only use of a global generator: initial weights, before any step
        batches = picture_batches(self.data, train=self.train, host=host)
        fresh = self._network()
        if self.start:
            network.fill(fresh, detector.load(self.start).state_dict(), self.start)
        module = DetectorModule(fresh, train=self.train, scenes=self.scenes, textures=self.textures, clean=self.clean)
        fitted = fit(module, batches, self.train, host, out)
        detector.save(out, module.network.cpu())
        seed = f"validation {self.train.seed}"
        judged = (
            planted_pictures(self.validation, seed, MEASURED) if self.validation else planted_scenes(seed, MEASURED)
        )
        return {**fitted.metrics(), **judge(detector.load(out), judged), "unseen_pictures": self.validation is not None}

    def _network(self) -> Any:
        from seedream_core.models import detector
        from seedream_core.synthetic.defects.planting import KINDS

        return detector.Detector(detector.DetectorConfig(side=self.side, fine=self.fine, coarse=self.coarse), KINDS)
