import subprocess
import sys

import pytest

SCRIPT = """
import resource, torch
from seedream_core.training.memory import keep_freed
assert keep_freed()
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        torch.ones(2_000_000)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(faults())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_a_freed_block_is_not_faulted_in_again():
    out = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert int(out.stdout) < 2_000  # 20 blocks of 8 MB are 39,000 pages when each goes back to the kernel
