"""CLIP and SigLIP folders by path: the same vectors as transformers' own processor and model give, no torchvision, no
hub.
"""

import json
import sys

import numpy as np
import pytest
import torch
import toy_encoder

from seedream_core.errors import DataError
from seedream_core.models.dual_encoder.artifact import load
from seedream_core.models.dual_encoder.hf import REFERENCES, prepared


@pytest.fixture(scope="module", params=["clip", "siglip"])
def folder(request, tmp_path_factory):
    return toy_encoder.make_outside(tmp_path_factory.mktemp("outside") / request.param, request.param)


def picture(height, width):
    return np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)


def test_same_vectors_as_transformers(folder):
    from transformers import AutoModel, AutoTokenizer
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

    encoder, clip = load(folder), "clip" in folder.name
    model, tokenizer = AutoModel.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    processor = (CLIPImageProcessorPil if clip else SiglipImageProcessorPil).from_pretrained(folder)
    pictures = [picture(48, 64), picture(32, 32), picture(90, 33)]
    with torch.no_grad():
        values = processor(pictures, return_tensors="pt")["pixel_values"]
        images = model.get_image_features(pixel_values=values).pooler_output
        tokens = tokenizer(
            list(toy_encoder.TEXTS), padding="max_length", max_length=24, truncation=True, return_tensors="pt"
        )
        mask = {"attention_mask": tokens["attention_mask"]} if clip else {}
        texts = model.get_text_features(input_ids=tokens["input_ids"], **mask).pooler_output
    for found, given in ((encoder.images(pictures), images), (encoder.texts(toy_encoder.TEXTS), texts)):
        torch.testing.assert_close(
            torch.from_numpy(found), torch.nn.functional.normalize(given, dim=-1), atol=2e-5, rtol=1e-4
        )
    assert encoder.scale == pytest.approx(float(model.logit_scale.detach().exp())) and encoder.dim == texts.shape[1]
    assert "torchvision" not in sys.modules


def test_the_same_bits_in_any_company_and_agreement(folder):
    encoder, pictures = load(folder), [picture(40 + side, 50) for side in range(5)]
    together = encoder.images(pictures)
    assert np.array_equal(np.concatenate([encoder.images([one]) for one in pictures]), together)
    assert encoder.calibration.references == REFERENCES
    agreement = encoder.agreement(together, [["a dog"], ["红色圆形"], ["a", "b"], ["c"], ["d"]])
    assert agreement.shape == (5,) and ((agreement >= 0) & (agreement <= 1)).all()


def test_a_calibration_of_its_own(folder, tmp_path):
    import shutil

    shutil.copytree(folder, tmp_path / folder.name)
    (tmp_path / folder.name / "calibration.json").write_text(
        json.dumps({"references": ["x", "y"], "own": 3, "common": -2, "shift": -1})
    )
    assert load(tmp_path / folder.name).calibration.own == 3


def test_preparing_by_the_options():
    plain = {"do_resize": False, "do_rescale": False, "do_normalize": False}
    values = prepared(picture(4, 6), plain)
    assert values.shape == (3, 4, 6) and np.array_equal(values, picture(4, 6).transpose(2, 0, 1).astype(np.float32))
    cropped = prepared(picture(4, 6), plain | {"do_center_crop": True, "crop_size": {"height": 2, "width": 2}})
    assert np.array_equal(cropped, values[:, 1:3, 2:4])


def test_what_is_refused(folder, tmp_path):
    import shutil

    for number, (name, edit, message) in enumerate(
        [
            ("config.json", lambda page: page | {"model_type": "blip"}, "'blip', not clip or siglip"),
            ("config.json", lambda page: page | {"auto_map": {"AutoModel": "x.Y"}}, "refused"),
            ("preprocessor_config.json", lambda page: {"size": {}}, "not readable"),
            ("preprocessor_config.json", None, "how pictures are prepared"),
            ("model.safetensors", None, "cannot load"),
        ]
    ):
        copy = tmp_path / str(number)
        shutil.copytree(folder, copy)
        if edit:
            (copy / name).write_text(json.dumps(edit(json.loads((copy / name).read_text()))))
        else:
            (copy / name).unlink()
        with pytest.raises(DataError, match=message):
            load(copy)
