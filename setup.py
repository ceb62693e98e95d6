"""Builds the compiled kernels; everything else about the project is in pyproject.toml.

The one switch is SMARTTREE_DEBUG: unset or 0 builds the kernels to be fast; 1 adds bounds checks and assertions;
`asan` adds the address and undefined-behaviour sanitizers (run Python with libasan preloaded then), and `fuzz`,
with clang, what libFuzzer follows coverage by, for the kernels that read documents (tests/fuzz).
Generated C and objects go below build/, one directory for each variant, so that switching never mixes the two.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

# What speaks to the Linux kernel; elsewhere disk/portable.py, watch/portable.py and stream/looped.py stand in for it.
LINUX_ONLY = {"_exchange", "_fanotify", "_reactor", "_rulefile", "_scan", "_stat", "_turns", "_walk", "_watch"}
VARIANT = {"": "fast", "0": "fast", "1": "debug", "asan": "asan", "fuzz": "fuzz"}[os.environ.get("SMARTTREE_DEBUG", "")]
UNTRIED = LINUX_ONLY - {"_reactor", "_turns"} if VARIANT == "fuzz" else set()
LEFT_OUT = LINUX_ONLY if sys.platform != "linux" else UNTRIED
KERNELS = sorted(path.stem for path in Path("smarttree").glob("_*.pyx") if path.stem not in LEFT_OUT)

DEBUG = VARIANT != "fast"
SANITIZERS = {"asan": "address,undefined", "fuzz": "address,undefined,fuzzer-no-link"}.get(VARIANT)
SANITIZE = [f"-fsanitize={SANITIZERS}", "-fno-omit-frame-pointer"] if SANITIZERS else []
# What is not asked for is what Cython's own generated code would answer with, module after module.
QUIET = ("unused-parameter", "unused-variable", "unused-function", "missing-field-initializers")
WARNINGS = ["-Wall", "-Wextra", *(f"-Wno-{warning}" for warning in QUIET)]


def kernel(name: str) -> Extension:
    """The extension `smarttree.<name>`; the headers beside its source are found although its C file lies elsewhere."""
    return Extension(
        f"smarttree.{name}",
        [f"smarttree/{name}.pyx"],
        include_dirs=["smarttree"],
        depends=sorted(str(path) for kind in ("pxd", "pxi", "h") for path in Path("smarttree").glob(f"*.{kind}")),
        define_macros=[] if DEBUG else [("CYTHON_WITHOUT_ASSERTIONS", "1")],
        undef_macros=["NDEBUG"] if DEBUG else [],
        extra_compile_args=["-std=gnu17", *WARNINGS, *(["-O1", "-g"] if DEBUG else ["-O3"]), *SANITIZE],
        extra_link_args=SANITIZE,
    )


setup(
    ext_modules=cythonize(
        [kernel(name) for name in KERNELS],
        build_dir=f"build/{VARIANT}/cython",
        compiler_directives={
            "language_level": 3,
            "boundscheck": DEBUG,
            "initializedcheck": DEBUG,
            "wraparound": False,
            "cdivision": True,
        },
    ),
    options={"build": {"build_base": f"build/{VARIANT}"}, "build_ext": {"parallel": os.cpu_count()}},
)
