"""Dual-axis balance on long-tailed worlds of seeds that nothing was tuned on: more concepts, and a better tail after
training.

    python -m pytest -m slow tests/acceptance/test_balance.py -s      # 18 minutes on one thread

The balancer sees pixels and captions; the colour-shape pairs of the truth only judge it.
"""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import seedream_core
from seedream_core.data.balancing.concepts import Concepts
from seedream_core.data.balancing.dual_axis import DualAxisBalance
from seedream_core.data.loading.caption_mix import CaptionMix
from seedream_core.data.storage.shards import ShardReader
from seedream_core.evaluation.judges.scenes import SceneAccuracy, scene_accuracy
from seedream_core.flow.timesteps.logit_normal import LogitNormal
from seedream_core.models.dit.mmdit import MmditConfig
from seedream_core.randomness import Rng
from seedream_core.records import Sample
from seedream_core.stages.data.balance import BalanceStage
from seedream_core.stages.data.encode import EncodeStage
from seedream_core.stages.data.synthetic import SyntheticStage
from seedream_core.stages.pretrain.mmdit import MmditStage
from seedream_core.synthetic.scenes.captions import LANGUAGES, canonical
from seedream_core.synthetic.scenes.prompts import Prompt
from seedream_core.synthetic.scenes.world import BACKGROUNDS, SceneRequest, World, _zipf
from seedream_core.workflow import execute
from seedream_core.workflow.host import Host, Train

PACKAGED = Path(seedream_core.__file__).parent / "pretrained"
HOST = Host(threads=1)
EXPONENT = 1.5
ONE = {"one": 1.0}
MIXED = {"one": 1.0, "several": 1.5, "pair": 1.5}
TAIL, HEAD = 330, 165  # prompts: of the rarest 11 pairs, and of the other 33


def crawl(
    folder: Path, seed: int, kinds: dict[str, float], by: DualAxisBalance = DualAxisBalance()
) -> tuple[Path, Path]:
    """A long-tailed crawl, and the same balanced."""
    execute.step(SyntheticStage(samples=6000, seed=seed, zipf=EXPONENT, kinds=kinds), folder / "crawl", HOST)
    execute.step(BalanceStage(data=folder / "crawl", balances=(by,)), folder / "balanced", HOST)
    return folder / "crawl", folder / "balanced"


def effective(balanced: Path) -> tuple[float, float]:
    """Effective pairs before and after, by truth."""
    reader = ShardReader(balanced)
    samples = [Sample.from_json(reader.read(row, "json")["json"]) for row in range(len(reader))]
    pairs = Concepts.of(
        sorted({f"{one['color']} {one['shape']}" for one in sample.truth["objects"]}) for sample in samples
    )
    weights = np.array([sample.weight for sample in samples])
    return pairs.effective(np.ones(len(samples))), pairs.effective(weights)


def trained(data: Path, out: Path, seed: int) -> Path:
    """A small base model on the packaged autoencoder and text encoder."""
    execute.step(EncodeStage(data=data, vae=PACKAGED / "autoencoder"), out / "latents", HOST)
    execute.step(
        MmditStage(
            data=out / "latents",
            vae=PACKAGED / "autoencoder",
            text=PACKAGED / "text",
            net=MmditConfig(width=128, depth=6, heads=2, absolute=True),
            timesteps=LogitNormal(shift=2.0),
            captions=CaptionMix(fields={"short": 0.9}, others=0.033),
            train=Train(steps=3000, global_batch=48, lr=2e-3, ema=0.99, seed=seed, sample_every=100_000),
        ),
        out / "base",
        HOST,
    )
    return out / "base"


def judged(model: Path, seed: int) -> dict[str, SceneAccuracy]:
    from seedream_core.pipeline.sampler import Sampler

    ranked = list(_zipf(World().seen, seed, EXPONENT))
    sampler = Sampler.load(model, bf16=False, device="cpu")
    graded = {}
    for name, things, count in (("rarest", ranked[-11:], TAIL), ("others", ranked[:-11], HEAD)):
        asked = [
            SceneRequest(
                "one", Rng("tail prompt", 5000 + seed, i).choice(tuple(BACKGROUNDS)), (things[i % len(things)],), 1
            )
            for i in range(count)
        ]
        prompts = [
            Prompt(canonical(one, language), language, "one", one)
            for i, one in enumerate(asked)
            for language in [LANGUAGES[i // len(things) % 2]]
        ]
        images = sampler.images(
            [prompt.text for prompt in prompts], [7000 + i for i in range(count)], batch=55, steps=16
        )
        graded[name] = scene_accuracy(images, prompts)
    return graded


@pytest.mark.slow
@pytest.mark.parametrize(
    "kinds, beta, seeds", [(ONE, 1.0, (4101, 4102)), (MIXED, 2.0, (4301, 4302))], ids=["one object", "mixed"]
)
def test_twice_as_many_concepts_count(tmp_path, kinds, beta, seeds):
    """Measured: 2.70 and 2.47 times with one object; mixed, 2.37 and 2.48.

    Mixed scenes with the default beta of 1 gave 2.29, 1.96, 2.06 and 2.19 times (seeds 4201, 4202, 4301, 4302).
    """
    for seed in seeds:
        before, after = effective(crawl(tmp_path / str(seed), seed, kinds, DualAxisBalance(beta=beta))[1])
        print(
            f"\nseed {seed}, {', '.join(kinds)}: {before:.2f} -> {after:.2f} effective pairs, "
            f"{after / before:.2f} times"
        )
        assert after >= 2 * before


@pytest.mark.slow
@pytest.mark.parametrize("seed", [4101, 4102])
def test_the_rarest_quarter_is_drawn_better(tmp_path, seed):
    """Measured, right of 330: 128 -> 242 and 214 -> 250; the other pairs, of 165: 82 -> 128 and 115 -> 120.

    With beta 1: 128 -> 222 and 214 -> 227, and on 990 further prompts of the rarest 369 -> 684 (348 gained, 33 lost)
    and 629 -> 706 (138, 61).
    """
    data = dict(zip(("unbalanced", "balanced"), crawl(tmp_path, seed, ONE)))
    found = {name: judged(trained(folder, tmp_path / name, seed), seed) for name, folder in data.items()}
    for name, graded in found.items():
        for part, accuracy in graded.items():
            low, high = accuracy.rate.interval
            faults = Counter((fault or "right").split()[0] for fault in accuracy.faults).most_common(4)
            print(
                f"\nseed {seed}, {name}, {part}: {accuracy.rate.right} of {accuracy.rate.count} "
                f"({low:.3f}-{high:.3f}) {faults}"
            )
    assert found["balanced"]["rarest"].rate.right > found["unbalanced"]["rarest"].rate.right
