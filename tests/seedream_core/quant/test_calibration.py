"""Questions are the same in every run, cover the sampler's times, and keep texts of like length together."""

import pytest
import torch

from seedream_core.data.loading.caption_mix import CaptionMix
from seedream_core.errors import UserError
from seedream_core.pipeline import generator
from seedream_core.pipeline.sampler import time_grid
from seedream_core.quant.calibration import CalibrationData, ask, velocity_errors


@pytest.fixture(scope="module")
def loaded(tiny_generator):
    return generator.load(tiny_generator)


@pytest.fixture(scope="module")
def calibration(loaded, tiny_latents):
    return CalibrationData(loaded, tiny_latents, CaptionMix(dropout=0.0), seed=3, kept_back=4)


def test_a_round_asks_the_same_again_and_another_round_something_else(calibration, loaded, tiny_latents):
    again = CalibrationData(loaded, tiny_latents, CaptionMix(dropout=0.0), seed=3, kept_back=4)
    first, second, other = (
        source.inputs(number, 8) for source, number in ((calibration, 0), (again, 0), (calibration, 1))
    )
    for (z, t, told), (same_z, same_t, same_told) in zip(first, second):
        assert torch.equal(z, same_z) and torch.equal(t, same_t) and torch.equal(told.text, same_told.text)
    assert set(calibration.rows(0, 8)).isdisjoint(calibration.rows(1, 8))
    assert not torch.equal(first[0][0], other[0][0])


def test_rounds_beyond_the_data_begin_it_again(calibration):
    assert (
        sorted(calibration.rows(0, 20) + calibration.exam_rows) == list(range(24))
        and len(calibration.rows(5, 40)) == 40
    )


def test_the_exam_is_never_practised_and_needs_data_of_its_own(calibration, loaded, tiny_latents):
    assert sum(len(t) for _, t, _ in calibration.exam((0.5,))) == 4
    assert not set(calibration.exam_rows) & {row for number in range(30) for row in calibration.rows(number, 16)}
    with pytest.raises(UserError, match="24 samples are too few"):
        CalibrationData(loaded, tiny_latents, CaptionMix(dropout=0.0), seed=3, kept_back=13)


def test_given_times_come_in_turn_and_others_lie_on_the_samplers_grid(calibration):
    given = torch.cat([t for _, t, _ in calibration.inputs(0, 20, (1.0, 0.5))])
    assert sorted(given.tolist()) == [0.5] * 10 + [1.0] * 10
    grid = time_grid(8, calibration.loaded.spec.shift)
    drawn = torch.cat([t for batch in range(6) for _, t, _ in calibration.inputs(batch, 20)])
    assert len(drawn.unique()) == 8
    assert bool(((drawn[:, None] - grid[None]).abs().min(1).values < 1e-6).all())


def test_batches_are_sorted_by_length_and_latents_normalised(calibration):
    batches = calibration.inputs(0, 20, (1e-6,))
    lengths = [conditions.text_mask.sum(1) for *_, conditions in batches]
    assert len(batches) == 2 and int(lengths[0].max()) <= int(lengths[1].min())
    assert batches[0][2].text.shape[1] == int(lengths[0].max())
    z = torch.cat([z for z, *_ in batches])
    assert abs(float(z.mean())) < 0.1 and 0.8 < float(z.std()) < 1.2


def test_a_network_has_no_error_against_itself(calibration, loaded):
    questions = {t: calibration.inputs(0, 4, (t,)) for t in (1.0, 0.5)}
    assert velocity_errors(loaded.network, loaded.network, questions) == {1.0: 0.0, 0.5: 0.0}
    with torch.no_grad():
        assert ask(questions[0.5])(loaded.network).shape == (4, 4, 4, 4)
