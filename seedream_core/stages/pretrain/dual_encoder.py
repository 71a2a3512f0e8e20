"""Trains a small bilingual dual encoder on pictures and captions, for retrieval, cleaning and near duplicates."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Ge

from seedream_core.data.loading.caption_mix import CaptionMix
from seedream_core.errors import DataError
from seedream_core.models.dual_encoder.towers_config import TowersConfig
from seedream_core.workflow import stage
from seedream_core.workflow.host import Host, Train

if TYPE_CHECKING:
    import numpy as np

    from seedream_core.models.dual_encoder.base import DualEncoderBase

UNSEEN = 0.05
PLANNED_TEXT_TOKENS = 32
LEAST, MOST = 8, 2000  # smallest and largest number of samples kept back
REFERENCES = 512


@dataclass(frozen=True, kw_only=True)
class DualEncoderStage(stage.Stage):
    makes: ClassVar[str] = "dual_encoder"
    version: ClassVar[int] = 2
    data: stage.Shards
    """pictures of any sizes with captions, some of which may be wrong. A twentieth is kept back for calibration. The
    weight of each other sample decides in how many passes over the data it is used: at most once per pass, never with
    weight 0. Where train.global_batch leaves too few batches for the ratio of the highest weight to the mean one,
    weights are made more equal, and a message says how far"""
    net: TowersConfig = TowersConfig()
    "the shape of both towers"
    vocabulary: Annotated[int, Ge(300)] = 1024
    "largest number of tokens in the vocabulary, 256 of them bytes"
    captions: CaptionMix = field(default_factory=lambda: CaptionMix(fields={}, others=1.0, dropout=0.0))
    "which caption of a picture is used at a step"
    group: Annotated[int, Ge(1)] = 16
    "number of samples with similar captions that are put into one batch as hard negatives; 1: random batches"
    train: Train
    """schedule and optimiser. The negatives are the other captions of the whole global batch, so training runs on one
    device, whatever the host has; the host's micro_batch reduces memory and takes two fifths more time"""

    def __post_init__(self) -> None:
        if self.captions.dropout:
            raise ValueError(
                "captions.dropout: a dual encoder cannot learn from a picture without a caption; set it to 0"
            )
        if self.train.global_batch < 2:
            raise ValueError(
                "train.global_batch: the negatives are other captions of the batch; at least 2 samples are needed"
            )

    def facts(self, inputs: Mapping[str, Any]) -> dict:
        import torch

        from seedream_core.models.dual_encoder.towers import Towers

        with torch.device("meta"):
            towers = Towers(self.net, self.vocabulary)
        images = self.train.steps * self.train.global_batch
        return {
            "dim": self.net.dim,
            "size": self.net.size,
            "vocabulary": self.vocabulary,
            "parameters": sum(p.numel() for p in towers.parameters()),
            "images": images,
            "flops": 3 * towers.image_flops() * images,
        }

    def expected_seconds(self, inputs: Mapping[str, Any], host: Host) -> float:
        import torch

        from seedream_core.models.dual_encoder.towers import Towers
        from seedream_core.training import rehearsal

        device, side = host.device(), self.net.size
        towers = Towers(self.net, self.vocabulary).to(device)

        def loss(rows: int) -> torch.Tensor:
            pictures = towers.embed_images(torch.rand(rows, 3, side, side, device=device))
            ids = torch.randint(self.vocabulary, (rows, PLANNED_TEXT_TOKENS), device=device)
            return (pictures @ towers.embed_texts(ids, torch.ones_like(ids, dtype=torch.bool)).T).square().mean()

        one = rehearsal.seconds_to_learn(towers, loss, self.train, host)
        return self.train.steps * self.train.global_batch * one

    def run(self, out: Path, host: Host) -> dict:
        import torch

        from seedream_core.data.loading.batches import twin_batches
        from seedream_core.data.loading.negative_captions import every_caption
        from seedream_core.data.loading.texts import by_key
        from seedream_core.models.dual_encoder.calibration import Calibration
        from seedream_core.models.dual_encoder.own import DualEncoder
        from seedream_core.models.dual_encoder.towers import Towers
        from seedream_core.models.text.tokenizer import train_tokenizer
        from seedream_core.objectives.contrastive import ContrastiveModule, alone
        from seedream_core.training.fit import fit

        told = by_key(self.data)
        learned, unseen = split(told)
        places = {key: place for place, key in enumerate(told)}
        texts = [every_caption(told[key]) for key in learned]
        tokenizer = train_tokenizer(list(dict.fromkeys(text for own in texts for text in own)), self.vocabulary)
        torch.manual_seed(self.train.seed)  # the only use of a global generator: initial weights, before any step
        towers = Towers(self.net, tokenizer.get_vocab_size())
        module = ContrastiveModule(towers, tokenizer, train=self.train, at_once=host.micro_batch)
        host = alone(host)
        module.flops_per_image = towers.image_flops()
        batches = twin_batches(
            self.data,
            told,
            tokenizer,
            train=self.train,
            captions=self.captions,
            host=host,
            side=self.net.size,
            group=self.group,
            only=[places[key] for key in learned],
        )
        if batches.schedule.warning:
            print(batches.schedule.warning, file=sys.stderr)
        fitted = fit(module, batches, self.train, host, out)
        towers.float().to(
            torch.bfloat16
        ).float()  # rounded as stored, so that the figures are those of the saved weights
        encoder = DualEncoder(towers, tokenizer, Calibration(references(texts, self.train.seed)))
        figures = calibrate(encoder, self.data, told, unseen, self.train.seed)
        encoder.save(out / "network")
        return {
            **fitted.metrics(),
            **figures,
            "samples": len(learned),
            "without_caption": len(told) - len(learned) - len(unseen),
            "facts": {
                "vocabulary": tokenizer.get_vocab_size(),
                "parameters": sum(p.numel() for p in towers.parameters()),
            },
        }


def split(told: Mapping[str, Mapping]) -> tuple[list[str], list[str]]:
    """Keys of the training samples, and of those kept back; samples without a caption are in neither."""
    from seedream_core.data.loading.negative_captions import main_caption
    from seedream_core.randomness import fraction

    keys = [key for key, languages in told.items() if main_caption(languages)]
    unseen = [key for key in keys if fraction(0, key, 0, "kept back") < UNSEEN][:MOST]
    kept_back = set(unseen)
    learned = [key for key in keys if key not in kept_back]
    if len(unseen) < LEAST or len({main_caption(told[key]) for key in unseen}) < 2:
        raise DataError(
            f"{len(keys)} samples with captions are too few to learn from and to judge on", "make or ingest more"
        )
    return learned, unseen


def references(texts: Sequence[Sequence[str]], seed: int) -> tuple[str, ...]:
    """One caption of each of some samples, deterministic for the same samples."""
    from seedream_core.randomness import fraction

    chosen = sorted(range(len(texts)), key=lambda row: fraction(seed, str(row), 0, "reference"))[:REFERENCES]
    return tuple(texts[row][int(fraction(seed, str(row), 1, "reference") * len(texts[row]))] for row in sorted(chosen))


def calibrate(
    encoder: "DualEncoderBase", data: Path, told: Mapping[str, Mapping], unseen: Sequence[str], seed: int
) -> dict:
    """Fit the encoder's calibration on one half of the samples kept back, and measure it on the other half."""
    import numpy as np

    from seedream_core.data.images.pictures import decode
    from seedream_core.data.loading.negative_captions import every_caption, lookalikes, main_caption, strangers
    from seedream_core.data.storage.shards import ShardReader
    from seedream_core.models.dual_encoder.base import BLOCK
    from seedream_core.models.dual_encoder.calibration import fitted

    reader = ShardReader(data)
    places = {key: place for place, key in enumerate(reader.keys)}
    blocks = [unseen[first : first + BLOCK] for first in range(0, len(unseen), BLOCK)]
    pictures = np.concatenate([encoder.images([decode(reader.read(places[key])) for key in block]) for block in blocks])
    captions, main = ([of(told[key]) for key in unseen] for of in (every_caption, main_caption))
    words = [encoding.ids for encoding in encoder.tokenizer.encode_batch(main, add_special_tokens=False)]

    def logits(rows: Sequence[int | None]) -> np.ndarray:
        """Logits of each picture with the captions of another sample; NaN where there is no other."""
        found = encoder.logits(pictures, [captions[one if other is None else other] for one, other in enumerate(rows)])
        found[[other is None for other in rows]] = np.nan
        return found

    own, others, alike = logits(range(len(unseen))), logits(strangers(main, seed)), logits(lookalikes(main, words))
    wrong = np.concatenate([others[::2], alike[::2]])
    encoder.calibration = fitted(encoder.calibration.references, own[::2], wrong[~np.isnan(wrong[:, 0])])
    chances = [encoder.calibration(logits[1::2]) for logits in (own, others, alike)]
    shape = {name: value for name, value in asdict(encoder.calibration).items() if name != "references"}
    return {
        "judged": len(chances[0]),
        "told_from_strangers": ranked(*chances[:2]),
        "told_from_lookalikes": ranked(*chances[::2]),
        "calibration": shape,
    }


def ranked(own: "np.ndarray", others: "np.ndarray") -> float:
    """The share of pairs in which a picture's captions score higher than another picture's (area under the ROC
    curve).
    """
    import numpy as np

    others = np.sort(others[~np.isnan(others)])
    below, equal = np.searchsorted(others, own, "left"), np.searchsorted(others, own, "right")
    return round(float((below + equal).mean() / 2 / max(1, len(others))), 4)
