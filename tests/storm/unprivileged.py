"""`python unprivileged.py …` is `st …` without any privilege: what is closed to a directory's owner is closed to it.

Law: for tests only, run by root. It keeps root's number, so that it can read the program wherever that lies, but has
none of root's capabilities: to the kernel that is an ordinary user. `--keep N`, first, leaves it that one.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

PR_CAPBSET_DROP = 24

if __name__ == "__main__":
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text(encoding="ascii"))
    kept, arguments = (int(sys.argv[2]), sys.argv[3:]) if sys.argv[1] == "--keep" else (-1, sys.argv[1:])
    for capability in range(last + 1):
        if capability == kept:
            continue
        if ctypes.CDLL(None, use_errno=True).prctl(PR_CAPBSET_DROP, capability, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl")
    os.execv(sys.executable, [sys.executable, "-m", "smarttree", *arguments])
