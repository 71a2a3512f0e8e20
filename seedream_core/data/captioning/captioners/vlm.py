"""Captioner that uses a vision-language model from a local folder (transformers), in batches, with one request per
language and field.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Ge

from seedream_core.data.captioning.captioners import Caption, Captioner
from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.sources.raw_captions import LANGUAGES, Captions
from seedream_core.errors import UserError
from seedream_core.workflow.config import OUTSIDE
from seedream_core.workflow.host import Host

if TYPE_CHECKING:
    from PIL import Image

REQUESTS = {
    "en": {
        "short": "Describe this picture in one short sentence.",
        "long": "Describe this picture in detail: objects, their colours, number and places, the setting, and what "
        "is going on.",
        "artistic": "Describe this picture as art: style, colour, composition and light, in one or two sentences.",
        "textual": "Write every piece of text in this picture exactly as it stands, each in double quotes, with its "
        "font, colour and place.",
        "surreal": "Describe what is imaginary or impossible in this picture, in one or two sentences.",
        "aesthetics": "Say in one sentence what makes this picture beautiful or not: sharpness, contrast, balance.",
        "style": "Name the style and medium of this picture in a few words.",
        "layout": "Say where each thing stands in this picture, one after the other.",
    },
    "zh": {
        "short": "用一句简短的话描述这张图片。",
        "long": "详细描述这张图片：物体及其颜色、数量、位置，场景，以及正在发生的事。",
        "artistic": "从艺术角度用一两句话描述这张图片：风格、色彩、构图与光线。",
        "textual": "逐字写出图中的所有文字，每段放在双引号里，并说明其字体、颜色和位置。",
        "surreal": "用一两句话描述图中想象的或不可能的内容。",
        "aesthetics": "用一句话说明这张图片美在何处或有何不足：清晰度、对比、平衡。",
        "style": "用几个词说出这张图片的风格和媒介。",
        "layout": "依次说明图中每样东西的位置。",
    },
}


@dataclass(frozen=True, kw_only=True)
class VlmCaptioner(Captioner):
    renamed: ClassVar[Mapping[str, str]] = {"tokens": "max_tokens"}
    path: str = field(metadata=OUTSIDE)
    """Folder of an image-text-to-text model with its processor; code in the folder is never run."""
    fields: tuple[str, ...] = ("short", "long")
    """Fields to write."""
    languages: tuple[str, ...] = LANGUAGES
    """Languages to write."""
    requests: dict[str, str] = field(default_factory=dict)
    """`language.field` -> request that replaces the default one."""
    batch: Annotated[int, Ge(1)] = 8
    """Pictures in one batch."""
    max_tokens: Annotated[int, Ge(1)] = 256
    """Maximum number of tokens of a caption."""

    def known(self) -> tuple[str, ...]:
        return tuple(REQUESTS["en"])

    def __post_init__(self) -> None:
        super().__post_init__()
        if unknown := set(self.languages) - set(LANGUAGES):
            raise ValueError(f"languages: {', '.join(sorted(unknown))}: there are {', '.join(LANGUAGES)}")
        names = {f"{language}.{name}" for language in LANGUAGES for name in self.known()}
        if unknown := set(self.requests) - names:
            raise ValueError(
                f"requests: {', '.join(sorted(unknown))}: expected a language and a field, such as en.short"
            )

    def start(self, host: Host) -> Caption:
        model, processor, device = load_vlm(Path(self.path), host)

        def caption(views: Sequence[LazySample]) -> list[Captions]:
            from PIL import Image

            pictures = [Image.fromarray(view.pixels) for view in views]
            results: list[Captions] = [{language: {} for language in self.languages} for _ in views]
            for language in self.languages:
                for name in self.wanted():
                    request = self.requests.get(f"{language}.{name}", REQUESTS[language][name])
                    for start in range(0, len(views), self.batch):
                        part = slice(start, start + self.batch)
                        for captions, text in zip(
                            results[part], _ask(model, processor, device, pictures[part], request, self.max_tokens)
                        ):
                            if text:
                                captions[language][name] = text
            return results

        return caption


def load_vlm(path: Path, host: Host, asker: str = "captioner vlm") -> tuple[Any, Any, str]:
    """Model, processor and device; `asker` is the caller's name for error messages."""
    import torch
    from transformers import AutoModelForImageTextToText, AutoProcessor

    from seedream_core.models import hf_models

    if not (path / "config.json").is_file():
        raise UserError(
            f"{asker}: {path} is no model folder (no config.json)",
            "name the folder of an image-text-to-text model, already on this disk",
        )
    host.limit_threads()
    device = "cuda" if host.accelerator != "cpu" and torch.cuda.is_available() else "cpu"
    processor = hf_models.opened(AutoProcessor, path, asker)
    model = hf_models.whole(
        AutoModelForImageTextToText, path, asker, dtype=torch.bfloat16 if host.bf16() else torch.float32
    )
    if getattr(processor, "tokenizer", None) is not None:
        processor.tokenizer.padding_side = "left"  # generated text must directly follow the request
    return model.to(device).eval(), processor, device


def _ask(
    model: Any, processor: Any, device: str, pictures: Sequence["Image.Image"], request: str, tokens: int
) -> list[str]:
    """One answer per picture, by greedy decoding: the other pictures in the batch change only rounding."""
    import torch

    talk = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": request}]}]
    prompt = processor.apply_chat_template(talk, add_generation_prompt=True)
    given = processor(text=[prompt] * len(pictures), images=list(pictures), return_tensors="pt", padding=True).to(
        device, model.dtype
    )
    with torch.inference_mode():
        written = model.generate(**given, max_new_tokens=tokens, do_sample=False)
    return [
        text.strip()
        for text in processor.batch_decode(written[:, given["input_ids"].shape[1] :], skip_special_tokens=True)
    ]
