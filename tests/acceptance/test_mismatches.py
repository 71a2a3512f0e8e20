"""Acceptance: captions of other pictures are found (issue: recall >= 0.80 at precision >= 0.90), by an encoder that
learned from the very crawl that holds them. Its seed was never used to choose a threshold or a shape.
"""

import json

import pytest
import toy_mismatches

from seedream_core.data.curation.filters.mismatched import MismatchedFilter
from seedream_core.data.curation.funnel import Funnel, FunnelPlan
from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.storage.shards import ShardReader
from seedream_core.records import Sample
from seedream_core.stages.pretrain.dual_encoder import DualEncoderStage
from seedream_core.workflow import execute
from seedream_core.workflow.host import Host, Train

SEED, SAMPLES, SHARE = 918_273, 10_000, 0.1
TRAIN = Train(steps=500, global_batch=128, lr=2e-3, warmup=50, optimizer="muon", ema=0.99)


def judge(data, encoder, planted) -> dict[str, float]:
    """Precision and recall of the filter with its defaults, and recall by what was planted."""
    funnel, reader = Funnel(FunnelPlan.of((), (MismatchedFilter(),)), {"encoder": encoder}), ShardReader(data)
    dropped = set()
    for first in range(0, len(reader), 32):
        members = [reader.read(place) for place in range(first, min(first + 32, len(reader)))]
        views = [LazySample(Sample.from_json(one["json"]), one) for one in members]
        dropped |= {
            view.sample.key for view, ruling in zip(views, funnel(views), strict=True) if ruling.fate == "dropped"
        }
    right = dropped & planted.keys()
    found = {
        "precision": len(right) / max(1, len(dropped)),
        "recall": len(right) / len(planted),
        "dropped": len(dropped),
        "planted": len(planted),
    }
    for what in sorted(set(planted.values())):
        keys = {key for key, value in planted.items() if value == what}
        found[f"recall of {what} ({len(keys)})"] = len(keys & dropped) / len(keys)
    return found


@pytest.mark.slow
def test_mismatches_are_found_by_an_encoder_that_learned_from_them(tmp_path):
    crawl = toy_mismatches.make(tmp_path / "crawl", SEED, SAMPLES, random=SHARE)
    execute.step(DualEncoderStage(data=crawl, train=TRAIN), tmp_path / "encoder", Host())
    planted = json.loads((crawl / toy_mismatches.PLANTED).read_text())
    found = judge(crawl, tmp_path / "encoder", planted)
    print(found)
    assert found["precision"] >= 0.9 and found["recall"] >= 0.8, found
