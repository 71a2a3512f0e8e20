"""What this CPU computes fast: bf16 products, int8 products, and how many float32 operations a second.

Two environment variables imitate a smaller CPU: ATEN_CPU_CAPABILITY limits torch's own kernels, ONEDNN_MAX_CPU_ISA
those of oneDNN, which computes the products. Both count here, so that what is chosen fits what will run.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from seedream_core.errors import UserError

if TYPE_CHECKING:
    import torch

BF16 = frozenset({"avx512_bf16", "amx_bf16"})
INT8 = frozenset({"avx512_vnni", "amx_int8"})
# oneDNN has int8 kernels for this one too, but no machine that has it was at hand: there the product is measured
MAYBE_INT8 = "avx_vnni"
SIDE = 256
"""Rows and columns of the measured products: the size of a small network's layers."""


def flags() -> frozenset[str] | None:
    """The instruction sets that may be used, by their names in /proc/cpuinfo; None where there is no such file."""
    present = _present()
    return None if present is None else usable(present, os.environ)


@functools.cache
def _present() -> frozenset[str] | None:
    file = Path("/proc/cpuinfo")
    return frozenset(file.read_text().split()) if file.is_file() else None


def usable(present: frozenset[str], environment: os._Environ[str] | dict[str, str]) -> frozenset[str]:
    """`present` without what the environment forbids."""
    aten = environment.get("ATEN_CPU_CAPABILITY", "avx512").lower()
    onednn = environment.get("ONEDNN_MAX_CPU_ISA", environment.get("DNNL_MAX_CPU_ISA", "DEFAULT")).upper()
    forbidden: set[str] = set()
    if ("avx512" not in aten and "avx10" not in aten) or not onednn.startswith(("DEFAULT", "ALL", "AVX512", "AVX10")):
        forbidden |= {name for name in present if name.startswith(("avx512", "amx"))}
    if onednn == "AVX512_CORE":
        forbidden |= BF16 | INT8
    if onednn == "AVX512_CORE_VNNI":
        forbidden |= BF16
    if onednn.startswith("AVX512") and "AMX" not in onednn:
        forbidden |= {name for name in present if name.startswith("amx")}
    if aten == "default" or onednn in ("SSE41", "AVX", "AVX2"):
        forbidden.add(MAYBE_INT8)
    return present - forbidden


def has_bf16() -> bool:
    """Whether bf16 products run on instructions made for them; without these they are 20 times slower than float32."""
    return bool(BF16 & (flags() or frozenset()))


def require_bf16(option: str) -> None:
    """UserError where this CPU has no instructions for the bf16 products that `option` asks for."""
    if not has_bf16():
        raise UserError(
            f"{option}: bf16: this CPU has none of the instructions for it ({', '.join(sorted(BF16))}), and without "
            "them bf16 products are more than 20 times slower than float32",
            "set it to auto or f32",
        )


@functools.cache
def fast_int8() -> bool:
    """Whether torch's int8 product is faster than the float32 one; decided once per process."""
    found = flags()
    if found is None or MAYBE_INT8 in found:
        return bool(INT8 & (found or frozenset())) or _int8_wins()
    return bool(INT8 & found)


def _int8_wins() -> bool:
    import torch

    levels = torch.ones(SIDE, SIDE, dtype=torch.int8)
    numbers = levels.float()
    try:
        return fastest(lambda: torch._int_mm(levels, levels.t())) < fastest(lambda: numbers @ numbers.t())
    except RuntimeError:  # this build of torch has none
        return False


def fastest(work: Callable[[], object], seconds: float = 0.05) -> float:
    """Seconds of the fastest of several calls, after one that does not count."""
    work()
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        started = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - started)
    return best


def matmul_flops(device: torch.device, dtype: torch.dtype, seconds: float = 0.2) -> float:
    """Operations a second of a square matrix product: the ceiling that a rate is compared with."""
    import torch

    size = 1024 if device.type == "cpu" else 8192
    matrix = torch.ones(size, size, device=device, dtype=dtype)

    def product() -> None:
        torch._int_mm(matrix, matrix.t()) if dtype == torch.int8 else matrix @ matrix
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    return 2 * size**3 / fastest(product, seconds)
