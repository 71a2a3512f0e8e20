"""A CLIP (arXiv:2103.00020) or SigLIP (arXiv:2303.15343, 2502.14786) in transformers' format, as a dual encoder by
path.

Pictures are prepared with Pillow as the folder's own preprocessor says: transformers' default one needs torchvision.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from seedream_core.errors import DataError
from seedream_core.models.dual_encoder.base import CALIBRATION, DualEncoderBase
from seedream_core.models.dual_encoder.calibration import Calibration, read_calibration
from seedream_core.models.text.llm import check_folder

KINDS = ("clip", "siglip")
REFERENCES = (
    "a dog running on grass",
    "a bowl of noodle soup",
    "the skyline of a city at night",
    "a portrait of a smiling woman",
    "a red sports car on a road",
    "a diagram with boxes and arrows",
    "snow-covered mountains under a blue sky",
    "a cup of coffee beside a laptop",
    "a crowd at a concert",
    "a page of printed text",
    "a cat asleep on a sofa",
    "a wooden chair in an empty room",
    "fishing boats in a harbour",
    "a bouquet of flowers in a vase",
    "children playing football",
    "an abstract pattern of coloured shapes",
    "a plate of fruit",
    "a train at a station",
    "草地上奔跑的小狗",
    "一碗牛肉面",
    "夜晚的城市天际线",
    "微笑的女子肖像",
    "公路上的红色跑车",
    "带方框和箭头的示意图",
    "蓝天下的雪山",
    "笔记本电脑旁的一杯咖啡",
    "演唱会上的人群",
    "一页印刷文字",
    "沙发上睡觉的猫",
    "空房间里的木椅",
    "港口里的渔船",
    "花瓶里的一束花",
    "踢足球的孩子们",
    "彩色几何图案",
    "一盘水果",
    "停在车站的火车",
)
"""Reference captions about many subjects, unless the folder has a calibration.json with its own."""


class HfDualEncoder(DualEncoderBase):
    def __init__(self, model: nn.Module, tokenizer: Any, prepare: Mapping[str, Any], calibration: Calibration) -> None:
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.model, self.tokenizer, self.prepare, self.calibration = (
            model.to(self.device).eval(),
            tokenizer,
            prepare,
            calibration,
        )
        self.scale = float(model.logit_scale.detach().exp())
        self.length = model.config.text_config.max_position_embeddings
        self.dim = self._text_block(["a"], self.length).shape[1]

    def _image_block(self, pixels: Sequence[np.ndarray]) -> Tensor:
        values = torch.from_numpy(np.stack([prepared(one, self.prepare) for one in pixels]))
        return _vectors(self.model.get_image_features(pixel_values=values.to(self.device)))

    def _lengths(self, texts: Sequence[str]) -> list[int]:
        return [self.length] * len(texts)  # SigLIP has learned captions padded to the full length, without a mask

    @torch.no_grad()
    def _text_block(self, texts: Sequence[str], length: int) -> Tensor:
        given = self.tokenizer(
            list(texts), padding="max_length", truncation=True, max_length=length, return_tensors="pt"
        ).to(self.device)
        mask = {"attention_mask": given["attention_mask"]} if self.model.config.model_type == "clip" else {}
        return _vectors(self.model.get_text_features(input_ids=given["input_ids"], **mask))

    @classmethod
    def load(cls, folder: Path) -> "HfDualEncoder":
        config = check_folder(folder)
        if config.get("model_type") not in KINDS:
            raise DataError(
                f"{folder}/config.json: a model of type {config.get('model_type')!r}, not {' or '.join(KINDS)}",
                "name the folder of a CLIP or SigLIP, or make a dual encoder with pretrain/dual_encoder",
            )
        prepare = read_preprocessor(folder)
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils import logging

        logging.disable_progress_bar()
        try:
            model = AutoModel.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False, use_safetensors=True, dtype=torch.float32
            )
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        except (OSError, ValueError) as error:
            raise DataError(
                f"{folder}: transformers cannot load it ({error})", "download it again, with model.safetensors"
            ) from None
        given = folder / CALIBRATION
        return cls(model, tokenizer, prepare, read_calibration(given) if given.is_file() else Calibration(REFERENCES))


def read_preprocessor(folder: Path) -> dict[str, Any]:
    """How pictures are prepared: preprocessor_config.json, or the picture's part of processor_config.json."""
    for name, part in (("preprocessor_config.json", None), ("processor_config.json", "image_processor")):
        if (folder / name).is_file():
            try:
                page = json.loads((folder / name).read_bytes())
                page = page[part] if part else page
                prepared(np.zeros((2, 2, 3), np.uint8), page)
                return page
            except (KeyError, TypeError, ValueError) as error:
                raise DataError(f"{folder / name}: not readable ({error!r})", "download it again") from None
    raise DataError(
        f"{folder}: no preprocessor_config.json, which says how pictures are prepared", "download this file too"
    )


def prepared(pixels: np.ndarray, options: Mapping[str, Any]) -> np.ndarray:
    """3×h×w, float32: resized, cropped in the middle and normalised, each where the options say so."""
    image = Image.fromarray(pixels)
    if options.get("do_resize", True):
        size = options["size"]
        if "shortest_edge" in size:
            factor = size["shortest_edge"] / min(image.size)
            wanted = tuple(max(size["shortest_edge"], int(side * factor)) for side in image.size)
        else:
            wanted = size["width"], size["height"]
        image = image.resize(wanted, Image.Resampling(options.get("resample", Image.Resampling.BICUBIC)))
    if options.get("do_center_crop"):
        width, height = options["crop_size"]["width"], options["crop_size"]["height"]
        left, top = (image.width - width) // 2, (image.height - height) // 2
        image = image.crop((left, top, left + width, top + height))
    values = np.asarray(image, np.float32) * (
        options.get("rescale_factor", 1 / 255) if options.get("do_rescale", True) else 1
    )
    if options.get("do_normalize", True):
        values = (values - np.float32(options["image_mean"])) / np.float32(options["image_std"])
    return np.ascontiguousarray(values.transpose(2, 0, 1), np.float32)


def _vectors(given: Any) -> Tensor:
    """The vectors; transformers returns them directly or, since 5.0, inside an output object."""
    return (given if isinstance(given, Tensor) else given.pooler_output).cpu()
