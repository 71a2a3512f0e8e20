"""InfoNCE against a plain computation, twins left out, batches of squares in runs of similar captions, none twice, on
any host.
"""

import json
import math
from collections import Counter

import pytest
import torch
import toy_training as toy

from seedream_core.data.loading.batches import twin_batches
from seedream_core.data.loading.caption_mix import CaptionMix
from seedream_core.data.loading.negative_captions import main_caption
from seedream_core.data.storage.shards import ShardReader, ShardWriter
from seedream_core.data.storage.stored_records import StoredCaptions
from seedream_core.models.dual_encoder.towers import Towers
from seedream_core.models.dual_encoder.towers_config import TowersConfig
from seedream_core.models.text.tokenizer import train_tokenizer
from seedream_core.objectives.contrastive import ContrastiveModule, info_nce
from seedream_core.stages.data.synthetic import SyntheticStage

TINY = TowersConfig(
    size=32, dim=16, widths=(8, 16), image_depth=1, parts=2, text_width=16, text_depth=1, heads=2, max_tokens=32
)
MIX = CaptionMix(fields={}, others=1.0, dropout=0.0)


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """Pictures that are no squares of the towers' size, their captions, and a tokenizer of them."""
    folder = tmp_path_factory.mktemp("crawl")
    SyntheticStage(samples=200, size=(64, 48), kinds={"one": 1.0}).run(folder, toy.host())
    captions = dict(zip(ShardReader(folder).keys, StoredCaptions(ShardReader(folder)), strict=True))
    texts = [text for fields in captions.values() for texts in fields.values() for text in texts.values()]
    return folder, captions, train_tokenizer(texts, 400)


def batches(parts, group=4, only=range(200)):
    folder, captions, tokenizer = parts
    main = [main_caption(languages) for languages in captions.values()]
    return twin_batches(
        folder,
        [main[row] for row in only],
        tokenizer,
        train=toy.config(global_batch=16),
        captions=MIX,
        host=toy.host(),
        side=32,
        group=group,
        only=only,
    )


def test_symmetric_cross_entropy():
    logits = torch.tensor([[2.0, 1.0], [0.0, 3.0]])
    rows = (math.log1p(math.exp(-1)) + math.log1p(math.exp(-3))) / 2
    columns = (math.log1p(math.exp(-2)) + math.log1p(math.exp(-2))) / 2
    assert float(info_nce(logits, torch.zeros(2, 2, dtype=torch.bool))) == pytest.approx((rows + columns) / 2)


def test_a_twin_is_no_negative():
    logits, twins = torch.randn(3, 3, requires_grad=True), torch.zeros(3, 3, dtype=torch.bool)
    twins[0, 2] = True
    info_nce(logits, twins).backward()
    assert float(logits.grad[0, 2]) == 0 and bool((logits.grad.flatten()[[1, 3, 5, 6, 7]] != 0).all())


def test_batches_of_squares_with_their_twins(parts):
    made, batch = batches(parts), batches(parts).batch(0)
    assert batch.images.shape == (16, 3, 32, 32) and len(batch.captions) == 16 and all(batch.captions)
    captions = parts[1]
    for row, one in enumerate(batch.keys):
        for column, (other, caption) in enumerate(zip(batch.keys, batch.captions)):
            known = any(caption in fields.values() for fields in captions[one].values())
            same = captions[one]["en"]["short"] == captions[other]["en"]["short"]
            assert bool(batch.twins[row, column]) == (row != column and (known or same))
    # 176 captions for 200 pictures: in a whole epoch there are twins to be found
    assert any(made.batch(step).twins.any() for step in range(12)) and not batch.twins.diagonal().any()
    moved = batch.to("cpu", non_blocking=True)
    assert (
        torch.equal(moved.images, batch.images) and torch.equal(moved.twins, batch.twins) and moved.keys == batch.keys
    )


def test_runs_of_similar_captions_meet(parts):
    def alike(group):
        made, shared = batches(parts, group), []
        for step in range(12):
            mains = [set(main_caption(parts[1][key]).split()) for key in made.batch(step).keys]
            shared += [max(len(one & other) for other in mains if other is not one) for one in mains]
        return sum(shared) / len(shared)

    assert alike(8) > alike(1) + 0.2


def test_only_some_samples_and_every_rank_its_share(parts):
    made = batches(parts, only=range(50, 100))
    keys = [key for step in range(3) for key in made.batch(step).keys]
    assert len(made) == 50 and set(keys) <= set(made.store.keys[50:100]) and len(set(keys[:48])) == 48
    assert sorted(made.batch(1, 0, 2).keys + made.batch(1, 1, 2).keys) == sorted(made.batch(1).keys)


@pytest.mark.parametrize("at_once", [1, 6, 16])
def test_a_batch_in_parts_has_the_loss_and_the_gradient_of_the_whole(parts, at_once):
    batch, made = batches(parts).batch(0), []
    for share in (None, at_once):
        torch.manual_seed(0)
        module = ContrastiveModule(Towers(TINY, parts[2].get_vocab_size()), parts[2], train=toy.config(), at_once=share)
        seen = []
        module.towers.image.register_forward_hook(lambda tower, images, out: seen.append(len(images[0])))
        loss = module.training_step(batch, 0)["loss"]
        loss.backward()
        made.append((loss.detach(), [parameter.grad for parameter in module.parameters()], max(seen)))
    (whole, gradient, most), (loss, found, fewest) = made
    assert (most, fewest) == (16, at_once)
    torch.testing.assert_close(loss, whole)
    assert loss > 1  # of sixteen captions, where parts by themselves would have those of a part
    torch.testing.assert_close(found, gradient, rtol=1e-4, atol=1e-6)


def test_weights_of_records(parts, tmp_path):
    """Of 200, half have weight 0 and a tenth the fourfold; captions of what is drawn twice across passes are no
    negatives.
    """
    weighed = tmp_path / "weighed"
    reader = ShardReader(parts[0])
    with ShardWriter(weighed / "shards") as writer:
        for row, key in enumerate(reader.keys):
            members = reader.read(row)
            record = json.loads(members["json"]) | {"weight": 0.0 if row % 2 else 4.0 if row % 10 == 0 else 1.0}
            writer.add(key, members | {"json": json.dumps(record).encode()})
    made = batches((weighed, *parts[1:]))
    found = [made.batch(step) for step in range(40)]
    counts = Counter(key for batch in found for key in batch.keys)
    never, light, heavy = (
        [counts[key] for row, key in enumerate(reader.keys) if of(row)]
        for of in (lambda row: row % 2, lambda row: row % 2 == 0 and row % 10, lambda row: row % 10 == 0)
    )
    assert len(made) == 40 and not any(never) and set(heavy) <= {15, 16, 17} and set(light) <= {3, 4, 5}
    for batch in found:
        same = torch.tensor([[one == other for other in batch.keys] for one in batch.keys]).fill_diagonal_(False)
        assert batch.twins[same].all()
    assert any(len(set(batch.keys)) < 16 for batch in found)  # 16 of 40: some batches lie across passes


def test_a_step_finds_its_own_after_learning(parts):
    torch.manual_seed(0)
    _folder, _captions, tokenizer = parts
    module = ContrastiveModule(Towers(TINY, tokenizer.get_vocab_size()), tokenizer, train=toy.config())
    batch, optimizer = batches(parts, group=1).batch(0), torch.optim.AdamW(module.parameters(), 3e-3)
    first = float(module.training_step(batch, 0)["loss"].detach())
    for _ in range(60):
        optimizer.zero_grad()
        made = module.training_step(batch, 0)
        made["loss"].backward()
        optimizer.step()
    assert float(made["loss"].detach()) < 0.5 * first and float(made["figures"]["found"]) > 0.7
    assert module.towers.image_flops() > 10**5
