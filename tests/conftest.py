"""Fixtures that several parts of the tree need."""

from pathlib import Path

import pytest

CAPTIONS = (
    "an orange star on a white background",
    "three purple crosses on a gray background",
    "a blue heart above a cyan cross on a beige background",
    "白色背景上有一个橙色五角星",
    "灰色背景上有三个紫色十字",
    "米色背景上，蓝色心形在青色十字的上方",
)

VLM_SPECIAL = ["<pad>", "<s>", "</s>", "<image>"]
VLM_TEMPLATE = (
    "{% for m in messages %}{% for c in m['content'] %}{% if c['type'] == 'image' %}<image>{% else %}{{ "
    "c['text'] }}{% endif %}{% endfor %}{% endfor %}"
)


@pytest.fixture(scope="session")
def tiny_generator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished generator of random weights (64x64, 4 steps) with its autoencoder and text encoder; read only."""
    return make_generator(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def tiny_latents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished artifact of latents that `tiny_generator` could have been trained on: 24 samples of 4x4x4."""
    import json

    import numpy
    from safetensors.numpy import save

    from seedream_core.data.storage.shards import ShardWriter
    from seedream_core.workflow import artifact

    folder, random = tmp_path_factory.mktemp("latents"), numpy.random.default_rng(0)
    with ShardWriter(folder / "shards") as writer:
        for index in range(24):
            en, zh = CAPTIONS[index % 3], CAPTIONS[3 + index % 3]
            sample = {
                "key": f"s{index:03d}",
                "name": f"scene {index}",
                "width": 64,
                "height": 64,
                "captions": {"en": {"short": en}, "zh": {"short": zh}},
                "source": "tests",
            }
            mean = random.normal(0.5, 2, (4, 4, 4)).astype("float16")
            tensors = {"mean": mean, "std": numpy.full_like(mean, 0.1)}
            writer.add(sample["key"], {"latent.safetensors": save(tensors), "json": json.dumps(sample).encode()})
    artifact.write_atomic(folder / "normalisation.json", json.dumps({"mean": [0.5] * 4, "std": [2.0] * 4}))
    artifact.finish(
        folder,
        kind="latents",
        stage="tests/tiny",
        fingerprint="tiny",
        inputs={},
        metrics={},
        seconds=0,
        facts={"samples": 24, "channels": 4, "factor": 16, "width": 64, "height": 64},
    )
    return folder


@pytest.fixture(scope="session")
def tiny_vlm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a small random LLaVA with its processor, as transformers saves one; read only."""
    import torch
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
    letters.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    letters.decoder = decoders.ByteLevel()
    letters.train_from_iterator(
        ["Describe this picture."],
        trainers.BpeTrainer(
            vocab_size=300, special_tokens=VLM_SPECIAL, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
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
        chat_template=VLM_TEMPLATE,
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


def make_generator(folder: Path, seed: int = 0) -> Path:
    """Three artifacts under `folder`, built by the models' own API: vae, text and the generator that is returned."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import Qwen2Config, Qwen2Model

    from seedream_core.generate import vocabulary
    from seedream_core.models import network
    from seedream_core.models.autoencoder.conv import Conv
    from seedream_core.models.dit.mmdit import Mmdit, MmditConfig
    from seedream_core.models.text.llm import LlmEncoder
    from seedream_core.pipeline import generator

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        vae = Conv(factor=16, channels=4, stem=8, widths=(16, 16))
        network.save(folder / "vae" / "network", vae, vae.build().state_dict())
        _finish(folder / "vae", "autoencoder", {"factor": 16, "channels": 4})

        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer, tokenizer.decoder = (
            pre_tokenizers.ByteLevel(add_prefix_space=False),
            decoders.ByteLevel(),
        )
        tokenizer.train_from_iterator(
            CAPTIONS,
            trainers.BpeTrainer(
                vocab_size=320,
                special_tokens=["<end>"],
                initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                show_progress=False,
            ),
        )
        text = Qwen2Model(
            Qwen2Config(
                vocab_size=320,
                hidden_size=16,
                intermediate_size=32,
                num_hidden_layers=1,
                num_attention_heads=2,
                num_key_value_heads=1,
                eos_token_id=0,
                bos_token_id=0,
            )
        )
        LlmEncoder(text, tokenizer, 0, max_tokens=64).save(folder / "text" / "network")
        _finish(folder / "text", "text_encoder", {"width": 16, "max_tokens": 64})

        config = MmditConfig(width=16, depth=1, heads=2, modulation_rank=4, text_positions=64)
        dit = Mmdit(config, channels=4, text_width=16)
        # Gates and output begin at zero, which would make every prompt's picture the same.
        for parameter in dit.parameters():
            if not parameter.any():
                torch.nn.init.normal_(parameter, std=0.3)
    made = folder / "generator"
    made.mkdir()
    spec = generator.GeneratorSpec(
        format="f32",
        autoencoder=generator.part(folder / "vae", made),
        text=generator.part(folder / "text", made),
        guidance=2.0,
        steps=4,
        width=64,
        height=64,
    )
    generator.write(made, dit, config, spec)
    vocabulary.write(vocabulary.build(CAPTIONS), made)
    _finish(made, "generator", {"width": 64, "height": 64, "format": "f32", "guidance_distilled": False})
    return made


def _finish(folder: Path, kind: str, facts: dict) -> None:
    from seedream_core.workflow import artifact

    artifact.finish(
        folder, kind=kind, stage="tests/tiny", fingerprint="tiny", inputs={}, facts=facts, metrics={}, seconds=0
    )
