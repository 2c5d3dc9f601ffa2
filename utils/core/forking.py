"""The process that workers are forked from: a fresh interpreter that has loaded what they need, without our secrets."""

from __future__ import annotations

import multiprocessing
import os
import threading
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext

from utils.core.paths import PROJECT_ROOT

# What the interpreter and its libraries may need; keys and passwords are not among them
_NEEDED_VARIABLES = frozenset({
    "PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV", "TMPDIR",
    "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OMP_NUM_THREADS", "PYTHONHASHSEED",
})  # fmt: skip
_starting = threading.Lock()


def fork_server(*modules: str) -> ForkServerContext:
    """The context of worker processes. The first call starts the server, which then loads `modules` once for all.

    It is silent from its birth: a worker that is told to stop while it still starts would print a traceback that means
    nothing.
    """
    context = multiprocessing.get_context("forkserver")
    with _starting:
        context.set_forkserver_preload(list(modules))
        before, kept = os.dup(2), dict(os.environ)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            for name in set(os.environ) - _NEEDED_VARIABLES:
                del os.environ[name]
            # the server looks for the modules to load beside the current folder only
            os.environ["PYTHONPATH"] = os.pathsep.join([str(PROJECT_ROOT), *filter(None, [kept.get("PYTHONPATH")])])
            os.dup2(nowhere, 2)
            forkserver.ensure_running()
        finally:
            os.environ.clear()
            os.environ.update(kept)
            os.dup2(before, 2)
            os.close(before)
            os.close(nowhere)
    return context
