"""Sets the C allocator to keep freed memory, which makes training steps faster.

glibc gives every large block back to the kernel and then faults its pages in again at the next step: on two CPU cores
that was a tenth of an autoencoder's training step. With a high threshold the blocks stay in the heap.
"""

import ctypes
import sys

TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD = -1, -2, -3
KEPT = 2**31 - 1
LARGEST_HEAP_BLOCK = 2**30
GROWTH = 2**26


def keep_freed() -> bool:
    """Whether the allocator could be told; other systems than Linux with glibc keep their own ways."""
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    options = ((MMAP_THRESHOLD, LARGEST_HEAP_BLOCK), (TRIM_THRESHOLD, KEPT), (TOP_PAD, GROWTH))
    return mallopt is not None and all(mallopt(name, value) for name, value in options)
