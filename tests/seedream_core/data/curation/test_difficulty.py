"""The packaged rater is whole, small and right on pictures it never saw; what is no rater is refused."""

import numpy as np
import pytest
from safetensors.numpy import save

from seedream_core.data.curation import difficulty
from seedream_core.data.curation.difficulty import Rater, rater, train
from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.curation.scorers import Scorer
from seedream_core.errors import DataError
from seedream_core.records import Sample
from seedream_core.synthetic.documents import Knowledge, make, rating
from seedream_core.synthetic.documents.pen import latin

LOADS = (0.1, 0.26, 0.6)


@pytest.mark.parametrize("name", [name for name in Knowledge.names() if Knowledge.find(name).written])
def test_the_packaged_one_tells_easy_medium_and_hard(name):
    sizes = ((256, 256), (448, 320))
    figures = [
        make(Knowledge.find(name)(), ("rated", index), sizes[index % 2], LOADS[index % 3], latin())
        for index in range(18)
    ]
    guessed = [rater().load(np.asarray(figure.picture)) for figure in figures]
    assert difficulty.accuracy(guessed, [figure.load for figure in figures]) >= 0.8
    assert (difficulty.PACKAGED / difficulty.WEIGHTS).stat().st_size < difficulty.BYTES


def test_density_matters_against_size():
    figure = make(Knowledge.find("table")(), ("density",), (256, 256), 0.5, latin())
    small = np.asarray(figure.picture)
    wide = np.full((768, 768, 3), small[0, 0], np.uint8)
    wide[:256, :256] = small
    assert rater().load(wide) < 0.6 * rater().load(small)


def test_the_scorer_gives_the_load_brought_to_one(tmp_path):
    figure = make(Knowledge.find("table")(), ("scorer",), (256, 256), 0.3, latin())
    pixels = np.asarray(figure.picture)
    view = LazySample.of(Sample(key="a", width=256, height=256, captions={}), pixels)
    Scorer.find("difficulty")().start({})([view])
    assert view.scores == {"difficulty": pytest.approx(rating.score(rater().load(pixels)), abs=1e-4)}
    (tmp_path / difficulty.WEIGHTS).write_bytes(
        save(
            {name: np.zeros_like(value) for name, value in rater().weights.items()}
            | {"deviation": np.ones_like(rater().weights["deviation"])}
        )
    )
    Scorer.find("difficulty")(path=str(tmp_path)).start({})([view])
    assert view.scores["difficulty"] == pytest.approx(rating.score(1.0), abs=1e-4)


def test_what_is_no_rater_is_refused(tmp_path):
    def refused(message: str):
        rater.cache_clear()
        with pytest.raises(DataError, match=message):
            rater(tmp_path)

    refused("No such file")
    path = tmp_path / difficulty.WEIGHTS
    path.write_bytes(b"x" * 100)
    refused("no safetensors file")
    path.write_bytes(bytes(difficulty.BYTES + 1))
    refused("are over 200000")
    path.write_bytes(save({"mean": np.zeros(3, np.float32)}))
    refused("no difficulty rater of this version")


def test_training_finds_a_known_rule_and_keeps_to_its_seed():
    found = np.random.default_rng(0).normal(size=(800, 83)).astype(np.float32)
    loads = np.exp(0.5 * found[:, 0] - 1)
    options = {"width": 16, "steps": 400, "lr": 3e-3, "decay": 0.1}
    first, again, other = (train(found[:600], loads[:600], seed=seed, **options) for seed in (0, 0, 1))
    assert np.array_equal(first.loads(found), again.loads(found)) and not np.array_equal(
        first.loads(found), other.loads(found)
    )
    assert difficulty.accuracy(first.loads(found[600:]), loads[600:]) > 0.8
    assert isinstance(first, Rater) and np.isfinite(first.loads(1e6 * found)).all()
