"""A small trained encoder, and pictures of many sizes."""

import numpy as np
import pytest
import toy_encoder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return toy_encoder.make_encoder(tmp_path_factory.mktemp("encoder") / "made")


@pytest.fixture(scope="module")
def pictures():
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (random.integers(20, 90), random.integers(20, 90), 3), np.uint8) for _ in range(37)]
