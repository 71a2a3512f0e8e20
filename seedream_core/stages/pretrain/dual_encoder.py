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

    from seedream_core.data.storage.stored_records import StoredCaptions
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
        from seedream_core.data.loading.negative_captions import every_caption, main_caption
        from seedream_core.data.storage.shards import ShardReader
        from seedream_core.data.storage.stored_records import StoredCaptions
        from seedream_core.models.dual_encoder.calibration import Calibration
        from seedream_core.models.dual_encoder.own import DualEncoder
        from seedream_core.models.dual_encoder.towers import Towers
        from seedream_core.models.text.tokenizer import train_tokenizer
        from seedream_core.objectives.contrastive import ContrastiveModule, alone
        from seedream_core.training.fit import fit

        captions = StoredCaptions(ShardReader(self.data))
        main = [main_caption(languages) for languages in captions]
        learned, unseen = split(captions.reader.keys, main)
        texts = dict.fromkeys(text for row in learned for text in every_caption(captions[row]))
        tokenizer = train_tokenizer(list(texts), self.vocabulary)
        torch.manual_seed(self.train.seed)  # the only use of a global generator: initial weights, before any step
        towers = Towers(self.net, tokenizer.get_vocab_size())
        module = ContrastiveModule(towers, tokenizer, train=self.train, at_once=host.micro_batch)
        host = alone(host)
        module.flops_per_image = towers.image_flops()
        batches = twin_batches(
            self.data,
            [main[row] for row in learned],
            tokenizer,
            train=self.train,
            captions=self.captions,
            host=host,
            side=self.net.size,
            group=self.group,
            only=learned,
        )
        if batches.schedule.warning:
            print(batches.schedule.warning, file=sys.stderr)
        fitted = fit(module, batches, self.train, host, out)
        towers.float().to(
            torch.bfloat16
        ).float()  # rounded as stored, so that the figures are those of the saved weights
        encoder = DualEncoder(towers, tokenizer, Calibration(references(captions, learned, self.train.seed)))
        figures = calibrate(encoder, captions, unseen, self.train.seed)
        encoder.save(out / "network")
        return {
            **fitted.metrics(),
            **figures,
            "samples": len(learned),
            "without_caption": len(main) - len(learned) - len(unseen),
            "facts": {
                "vocabulary": tokenizer.get_vocab_size(),
                "parameters": sum(p.numel() for p in towers.parameters()),
            },
        }


def split(keys: Sequence[str], main: Sequence[str]) -> tuple[list[int], list[int]]:
    """Positions of the training samples, and of those kept back, from keys and main captions; samples without a caption
    are in neither.
    """
    from seedream_core.randomness import fraction

    captioned = [row for row, text in enumerate(main) if text]
    unseen = [row for row in captioned if fraction(0, keys[row], 0, "kept back") < UNSEEN][:MOST]
    kept_back = set(unseen)
    learned = [row for row in captioned if row not in kept_back]
    if len(unseen) < LEAST or len({main[row] for row in unseen}) < 2:
        raise DataError(
            f"{len(captioned)} samples with captions are too few to learn from and to judge on", "make or ingest more"
        )
    return learned, unseen


def references(captions: Sequence[Mapping], learned: Sequence[int], seed: int) -> tuple[str, ...]:
    """One caption of each of some training samples, deterministic for the same samples."""
    from seedream_core.data.loading.negative_captions import every_caption
    from seedream_core.randomness import fraction

    chosen = sorted(range(len(learned)), key=lambda number: fraction(seed, str(number), 0, "reference"))[:REFERENCES]
    texts = {number: every_caption(captions[learned[number]]) for number in sorted(chosen)}
    return tuple(own[int(fraction(seed, str(number), 1, "reference") * len(own))] for number, own in texts.items())


def calibrate(encoder: "DualEncoderBase", stored: "StoredCaptions", unseen: Sequence[int], seed: int) -> dict:
    """Fit the encoder's calibration on one half of the samples kept back, and measure it on the other half."""
    import numpy as np

    from seedream_core.data.images.pictures import decode
    from seedream_core.data.loading.negative_captions import (
        every_caption,
        main_caption,
        random_negatives,
        similar_negatives,
    )
    from seedream_core.models.dual_encoder.base import BLOCK
    from seedream_core.models.dual_encoder.calibration import fitted

    blocks = [unseen[first : first + BLOCK] for first in range(0, len(unseen), BLOCK)]
    pictures = np.concatenate([encoder.images([decode(stored.reader.read(row)) for row in block]) for block in blocks])
    captions, main = ([of(stored[row]) for row in unseen] for of in (every_caption, main_caption))
    words = [encoding.ids for encoding in encoder.tokenizer.encode_batch(main, add_special_tokens=False)]

    def logits(rows: Sequence[int | None]) -> np.ndarray:
        """Logits of each picture with the captions of another sample; NaN where there is no other."""
        found = encoder.logits(pictures, [captions[one if other is None else other] for one, other in enumerate(rows)])
        found[[other is None for other in rows]] = np.nan
        return found

    own, others, alike = (
        logits(range(len(unseen))),
        logits(random_negatives(main, seed)),
        logits(similar_negatives(main, words)),
    )
    wrong = np.concatenate([others[::2], alike[::2]])
    encoder.calibration = fitted(encoder.calibration.references, own[::2], wrong[~np.isnan(wrong[:, 0])])
    chances = [encoder.calibration(logits[1::2]) for logits in (own, others, alike)]
    shape = {name: value for name, value in asdict(encoder.calibration).items() if name != "references"}
    return {
        "judged": len(chances[0]),
        "auc_random_captions": ranked(*chances[:2]),
        "auc_similar_captions": ranked(*chances[::2]),
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
