"""`python unprivileged.py …` is `st …` without any privilege: what is closed to a directory's owner is closed to it.

Law: for tests only, run by root. It keeps root's number, so that it can read the program wherever that lies, but has
none of root's capabilities: to the kernel that is an ordinary user.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

PR_CAPBSET_DROP = 24

if __name__ == "__main__":
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text(encoding="ascii"))
    for capability in range(last + 1):
        if ctypes.CDLL(None, use_errno=True).prctl(PR_CAPBSET_DROP, capability, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl")
    os.execv(sys.executable, [sys.executable, "-m", "smarttree", *sys.argv[1:]])
