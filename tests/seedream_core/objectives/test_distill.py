"""Phases follow from the step, checkpoints hold what changes, spoiled cells teach nothing, and the average moves once
for each update.
"""

from dataclasses import replace

import pytest
import torch

from seedream_core.data.loading.batches import Batches
from seedream_core.data.loading.caption_mix import CaptionMix
from seedream_core.distillers.guidance import Guidance
from seedream_core.distillers.segmented_consistency import SegmentedConsistency
from seedream_core.objectives.distill import DistillModule
from seedream_core.pipeline import generator
from seedream_core.training.fit import fit
from seedream_core.workflow.host import Host, Train

TRAIN = Train(steps=8, global_batch=6, lr=2e-3, warmup=2)
PHASES = (
    Guidance(),
    SegmentedConsistency(segments=(8,), points=16, substeps=1),
    SegmentedConsistency(segments=(4, 2), share=2, substeps=2),
)
PROMPTS = ["an orange star on a white background"]
HOST = Host(precision="f32", accelerator="cpu", threads=1)


@pytest.fixture
def teacher(tiny_generator):
    return generator.load(tiny_generator)


def test_phases_share_the_steps_in_order(teacher):
    module = DistillModule(teacher, train=TRAIN, phases=PHASES, guidance=2.0, prompts=PROMPTS)
    assert [PHASES.index(module.phase(step)) for step in range(8)] == [0, 0, 1, 1, 2, 2, 2, 2]


def test_checkpoints_hold_the_student_and_its_average_but_not_the_teacher(teacher):
    module = DistillModule(teacher, train=TRAIN, phases=PHASES, guidance=1.0, prompts=PROMPTS)
    assert {name.partition(".")[0] for name in module.state_dict()} == {"student", "average"}
    assert all(name.startswith("student.") for name, p in module.named_parameters() if p.requires_grad)


def test_without_guidance_the_teacher_is_the_conditional_velocity(teacher, tiny_latents):
    module = DistillModule(teacher, train=TRAIN, phases=PHASES, guidance=1.0, prompts=PROMPTS)
    step = module.prepare(Batches(tiny_latents, kind="latents", train=TRAIN, host=HOST).batch(0))
    t = torch.rand(6)
    torch.testing.assert_close(step.teacher(step.noise, t), step.student(step.noise, t))
    assert Guidance().student_loss(step) < 1e-10


def test_a_cell_that_a_defect_spoils_teaches_nothing(teacher, tiny_latents):
    """In every phase, though each begins elsewhere."""
    module = DistillModule(teacher, train=TRAIN, phases=PHASES, guidance=2.0, prompts=PROMPTS)
    batch = Batches(tiny_latents, kind="latents", train=TRAIN, captions=CaptionMix(dropout=0.0), host=HOST).batch(0)
    mask = torch.ones(6, 1, 4, 4)
    mask[:, :, 1:3, 2] = 0
    one = module.prepare(replace(batch, mask=mask))
    assert torch.equal(one.mask, mask) and module.prepare(batch).mask is None
    for phase in PHASES:
        one = replace(one, draws=one.draws.clamp(max=0.9))  # not from pure noise, which no defect reaches
        answers = []
        student = one.student

        def kept(z, t):
            answers.append(student(z, t))
            answers[-1].retain_grad()
            return answers[-1]

        phase.student_loss(replace(one, student=kept)).backward()
        gradient = answers[0].grad
        assert (gradient[:, :, 1:3, 2] == 0).all() and (gradient[:, :, 0] != 0).all()


def test_the_average_moves_once_for_each_update_whatever_the_micro_batches(teacher, tiny_latents, tmp_path):
    train = Train(steps=1, global_batch=6, lr=1e-2, warmup=0, schedule="constant", ema=0.0)
    module = DistillModule(teacher, train=train, phases=PHASES, guidance=2.0, average=0.75, prompts=PROMPTS)
    before = {name: p.clone() for name, p in module.average.named_parameters()}
    host = Host(precision="f32", accelerator="cpu", threads=1, micro_batch=2)
    fit(
        module,
        Batches(tiny_latents, kind="latents", train=train, captions=CaptionMix(), host=host),
        train,
        host,
        tmp_path,
    )
    for (name, average), student in zip(module.average.named_parameters(), module.student.parameters(), strict=True):
        torch.testing.assert_close(average, before[name] + 0.25 * (student - before[name]))
