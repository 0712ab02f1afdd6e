"""Where tests put files that are gone when the tests end."""

import os
import shutil
from pathlib import Path

_MEMORY = Path("/dev/shm")


def folder_in_memory(megabytes: int) -> Path | None:
    """A folder that is not on a disk, when the machine has one with so much room; None means: where temporary files usually are.

    A container often has one of 64 MB.
    """
    if os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free >= megabytes * 1_000_000:
        return _MEMORY
    return None
