"""A small random vision-language model, saved and loaded as a real one: batched answers, clear errors, the picture
matters.
"""

import numpy as np
import pytest
import torch

from seedream_core.data.captioning.captioners import Captioner
from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.errors import UserError
from seedream_core.records import Sample
from seedream_core.workflow.host import Host

SPECIAL = ["<pad>", "<s>", "</s>", "<image>"]
TEMPLATE = (
    "{% for m in messages %}{% for c in m['content'] %}{% if c['type'] == 'image' %}<image>{% else %}{{ "
    "c['text'] }}{% endif %}{% endfor %}{% endfor %}"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import (
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
        PreTrainedTokenizerFast,
    )
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    letters = Tokenizer(models.BPE())
    letters.pre_tokenizer, letters.decoder = pre_tokenizers.ByteLevel(), decoders.ByteLevel()
    letters.train_from_iterator(
        ["Describe this picture."],
        trainers.BpeTrainer(
            vocab_size=300, special_tokens=SPECIAL, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
        ),
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=letters,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        extra_special_tokens={"image_token": "<image>"},
    )
    pictures = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    processor = LlavaProcessor(
        image_processor=pictures,
        tokenizer=tokenizer,
        patch_size=16,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=TEMPLATE,
    )
    sizes = {"num_hidden_layers": 2, "num_attention_heads": 2}
    torch.manual_seed(0)
    model = LlavaForConditionalGeneration(
        LlavaConfig(
            vision_config=CLIPVisionConfig(hidden_size=16, intermediate_size=32, image_size=32, patch_size=16, **sizes),
            text_config=LlamaConfig(
                vocab_size=len(tokenizer),
                hidden_size=32,
                intermediate_size=64,
                num_key_value_heads=2,
                initializer_range=0.5,
                bos_token_id=1,
                eos_token_id=2,
                pad_token_id=0,
                **sizes,
            ),
            image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        )
    )
    path = tmp_path_factory.mktemp("vlm")
    model.save_pretrained(path)
    processor.save_pretrained(path)
    return path


def views() -> list[LazySample]:
    pixels = [np.full((40 + 8 * index, 64, 3), 60 * index, np.uint8) for index in range(4)]
    return [
        LazySample.of(Sample(key=f"k{index}", width=64, height=40 + 8 * index, captions={}), one)
        for index, one in enumerate(pixels)
    ]


def captioner(folder, **options) -> Captioner:
    return Captioner.find("vlm")(path=str(folder), max_tokens=6, **options)


def test_every_field_and_language_alike_in_any_batch(folder):
    host = Host(precision="f32", accelerator="cpu")
    told = captioner(folder, batch=4).start(host)(views())
    assert [set(one) for one in told] == [{"en", "zh"}] * 4
    assert told == captioner(folder, batch=1).start(host)(views())
    assert len({str(one) for one in told}) > 1, "the picture does not matter"
    other = captioner(folder, requests={"en.short": "What?"}, languages=("en",), fields=("short",)).start(host)(views())
    assert [set(one) for one in other] == [{"en"}] * 4 and other[0]["en"].get("short") != told[0]["en"].get("short")


def test_its_errors_name_the_folder_and_the_option(tmp_path):
    with pytest.raises(UserError, match="is no model folder"):
        captioner(tmp_path).start(Host())
    (tmp_path / "config.json").write_text(
        '{"model_type": "nothing", "auto_map": {"AutoModelForImageTextToText": "evil.Evil"}}'
    )
    (tmp_path / "evil.py").write_text("raise SystemExit('run')")
    with pytest.raises(UserError, match="cannot be loaded"):
        captioner(tmp_path).start(Host())
    with pytest.raises(ValueError, match="expected a language and a field"):
        captioner(tmp_path, requests={"short": "x"})
    with pytest.raises(ValueError, match="languages: de"):
        captioner(tmp_path, languages=("de",))
