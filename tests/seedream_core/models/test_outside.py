"""A model from a folder: what is missing is told by name, its code is never run, maps come at the picture's size."""

import json

import numpy as np
import pytest
import torch

from seedream_core.errors import UserError
from seedream_core.models.outside import Outside, load


@pytest.mark.parametrize("path, message", [(None, "pairs depth needs a model"), ("nowhere", "pairs depth: nowhere is no model folder")])
def test_no_folder(path, message):
    with pytest.raises(UserError, match=message):
        load(path, "DepthEstimation", "pairs depth")


def test_code_beside_the_weights_is_never_run(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "mine", "auto_map": {"AutoConfig": "evil.Config"}}))
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(UserError, match="cannot be loaded"):
        load(str(tmp_path), "ImageClassification", "scorer unsafe")
    assert not (tmp_path / "ran").exists()


def test_maps_come_at_the_pictures_size():
    maps = Outside(None, None, "cpu").resized(torch.eye(4)[None], np.zeros((12, 20, 3), np.uint8))
    assert maps.shape == (1, 12, 20) and maps[0, 0, 0] == 1 and maps[0, 0, -1] == 0
