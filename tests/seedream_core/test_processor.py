"""Instructions count only where the environment allows them; the int8 product is chosen by them, or measured."""

import pytest
import torch

from seedream_core import processor
from seedream_core.errors import UserError

EPYC = frozenset({"avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16", "avx_vnni"})


@pytest.mark.parametrize(
    "environment, left",
    [
        ({}, EPYC),
        ({"ATEN_CPU_CAPABILITY": "avx2"}, {"avx2", "fma", "avx_vnni"}),
        ({"ATEN_CPU_CAPABILITY": "default"}, {"avx2", "fma"}),
        ({"ATEN_CPU_CAPABILITY": "avx512"}, EPYC),
        ({"ONEDNN_MAX_CPU_ISA": "AVX2"}, {"avx2", "fma"}),
        ({"DNNL_MAX_CPU_ISA": "avx2"}, {"avx2", "fma"}),
        ({"ONEDNN_MAX_CPU_ISA": "AVX2_VNNI"}, {"avx2", "fma", "avx_vnni"}),
        ({"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"}, {"avx2", "fma", "avx512f", "avx_vnni"}),
        ({"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_VNNI"}, {"avx2", "fma", "avx512f", "avx512_vnni", "avx_vnni"}),
        ({"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_BF16"}, EPYC - {"amx_int8", "amx_bf16"}),
        ({"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_AMX"}, EPYC),
    ],
)
def test_what_the_environment_forbids_does_not_count(environment, left):
    assert processor.usable(EPYC, environment) == left


@pytest.mark.parametrize(
    "found, wins, fast",
    [
        (frozenset({"avx2"}), True, False),
        (frozenset({"avx2", "avx512_vnni"}), False, True),
        (frozenset({"avx2", "amx_int8"}), False, True),
        (frozenset({"avx2", "avx_vnni"}), True, True),
        (frozenset({"avx2", "avx_vnni"}), False, False),
        (None, True, True),
        (None, False, False),
    ],
)
def test_the_product_is_measured_only_where_the_instructions_leave_doubt(found, wins, fast, monkeypatch):
    monkeypatch.setattr(processor, "flags", lambda: found)
    monkeypatch.setattr(processor, "_int8_wins", lambda: wins)
    assert processor.fast_int8.__wrapped__() is fast


def test_the_measurement_compares_both_products(monkeypatch):
    times = iter([1.0, 2.0, 2.0, 1.0])
    monkeypatch.setattr(processor, "fastest", lambda work: work() is None or next(times))
    assert processor._int8_wins() and not processor._int8_wins()


def test_bf16_needs_its_instructions(monkeypatch):
    for found, has in (({"avx512_bf16"}, True), ({"amx_bf16"}, True), ({"avx512_vnni", "avx2"}, False), (None, False)):
        monkeypatch.setattr(processor, "flags", lambda found=found: found)
        assert processor.has_bf16() is has
        if has:
            processor.require_bf16("precision")
        else:
            with pytest.raises(
                UserError, match="precision: bf16: this CPU has none .*amx_bf16, avx512_bf16"
            ) as refused:
                processor.require_bf16("precision")
            assert refused.value.fix == "set it to auto or f32"


def test_ceilings_are_measured():
    for dtype in (torch.float32, torch.int8):
        assert 1e8 < processor.matmul_flops(torch.device("cpu"), dtype, seconds=0.05) < 1e14
