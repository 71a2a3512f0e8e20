"""Results come in the order of the items, each read once, and an error in reading or answering is not lost."""

import pytest
import torch

from seedream_core.training.predict import Prediction, _Share, predict
from seedream_core.workflow.host import Host

HOST = Host(precision="f32", accelerator="cpu", threads=1)


def test_results_are_written_in_the_order_of_the_items():
    read, written = [], []
    prediction = Prediction(
        prepare=lambda device: torch.full((), 10.0, device=device),
        read=lambda item: read.append(item) or item * 2,
        answer=lambda state, value: float(state + value),
    )
    predict(prediction, lambda: [3, 1, 2], lambda item, result: written.append((item, result)), HOST)
    assert read == [3, 1, 2] and written == [(3, 16.0), (1, 12.0), (2, 14.0)]


def test_nothing_to_predict_writes_nothing():
    written = []
    prediction = Prediction(prepare=lambda device: None, read=lambda item: item, answer=lambda state, value: value)
    predict(prediction, list, lambda item, result: written.append(item), HOST)
    assert written == []


def test_an_error_while_reading_ends_the_run_after_what_came_before():
    def read(item):
        if item == 2:
            raise ValueError("item 2 is damaged")
        return item

    written = []
    prediction = Prediction(prepare=lambda device: None, read=read, answer=lambda state, value: value)
    with pytest.raises(ValueError, match="item 2 is damaged"):
        predict(prediction, lambda: range(4), lambda item, result: written.append(item), HOST)
    assert written == [0, 1]


def test_ctrl_c_is_ctrl_c():
    def answer(state, value):
        raise KeyboardInterrupt

    prediction = Prediction(prepare=lambda device: None, read=lambda item: item, answer=answer)
    with pytest.raises(KeyboardInterrupt):
        predict(prediction, lambda: [1], lambda item, result: None, HOST)


def test_ranks_share_the_items_and_end_together():
    shares = [list(_Share(list("abcde"), str.upper, rank, 3)) for rank in range(3)]
    assert shares == [["A", "D"], ["B", "E"], ["C", None]]
