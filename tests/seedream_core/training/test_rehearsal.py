"""What a network takes on this machine is measured with the network, in the way it is used."""

import pytest

from seedream_core.models.autoencoder.conv import Conv
from seedream_core.models.dit.mmdit import MmditConfig
from seedream_core.training import rehearsal
from seedream_core.workflow.config import dump
from seedream_core.workflow.host import Host, Train

HOST = Host(accelerator="cpu", precision="f32")
TRAIN = Train(steps=10, global_batch=8)


@pytest.fixture(autouse=True)
def two_calls(monkeypatch):
    """Each measurement makes two calls, and finds that a call takes one second."""

    def fastest(work, seconds):
        work()
        work()
        return 1.0

    monkeypatch.setattr(rehearsal.processor, "fastest", fastest)


@pytest.fixture
def shapes(monkeypatch):
    found, real = [], rehearsal.predict
    monkeypatch.setattr(
        rehearsal, "predict", lambda network, z, *rest: found.append(z.shape) or real(network, z, *rest)
    )
    return found


def facts(**net):
    sizes = {"channels": 4, "factor": 8, "width": 32, "height": 64, "text_width": 16, "text_tokens": 5}
    return sizes | {"net": dump(MmditConfig(width=32, depth=1, heads=1, **net))}


def test_a_velocity_network_learns_in_whole_batches_of_its_own_shape(shapes):
    assert rehearsal.velocity_to_learn(facts(), TRAIN, HOST) == pytest.approx(rehearsal.BESIDE / 8)
    assert shapes == [(8, 4, 8, 4)] * 2


def test_an_answer_is_measured_at_the_batch_that_is_asked_for(shapes):
    assert rehearsal.velocity_to_answer(facts(), 2, HOST) == pytest.approx(1 / 2)
    assert shapes == [(2, 4, 8, 4)] * 2


def test_steps_that_share_a_network_share_its_measurement(shapes):
    for _ in range(2):
        rehearsal.velocity_to_learn(facts(absolute=True), TRAIN, HOST)
    assert len(shapes) == 2


def test_an_autoencoder_is_measured_in_both_of_its_uses():
    net = Conv(channels=4, factor=8, stem=4, widths=(16, 16))
    assert rehearsal.autoencoder_to_learn(net, 32, 64, TRAIN, HOST) == pytest.approx(rehearsal.BESIDE / 8)
    assert rehearsal.autoencoder_to_encode(net, 32, 64, 5, HOST) == pytest.approx(1 / 5)


def test_one_device_has_its_share_of_the_batch_or_a_micro_batch():
    assert rehearsal.rows_at_once(TRAIN, Host(accelerator="cpu", devices=2)) == 4
    assert rehearsal.rows_at_once(TRAIN, Host(accelerator="cpu", micro_batch=3)) == 3
