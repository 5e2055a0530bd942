"""Where the session's servers keep their data: in memory, where there is room."""

import shutil
from pathlib import Path

_MEMORY = Path("/dev/shm")  # noqa: S108 - directories in it get random names
_NEEDED_BYTES = 2 << 30


def memory_folder() -> Path | None:
    """Return a folder in memory; None where there is none, or less than 2 GiB is free.

    ext4 looks for a free inode by stepping over all that were deleted in the last minutes: with
    hundreds of databases made and dropped, making one takes ten times as long there.
    """
    if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free >= _NEEDED_BYTES:
        return _MEMORY
    return None
