"""One of the processes that :mod:`ardsl.training.distributed.launch` starts, as
``python -m ardsl.training.distributed.worker FOLDER``."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

from ardsl.common.memory import memory_problem
from ardsl.errors import ArdslError


def main(folder: Path) -> int:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until the work takes signals over they end it, without a word
    threading.Thread(target=_end_with_the_starter, daemon=True).start()
    import torch

    from ardsl.system.files import replacing
    from ardsl.training.distributed.launch import OUTCOME, WORK, Broken, Work
    from ardsl.training.distributed.processes import join

    outcome: Any
    try:
        work: Work[Any] = torch.load(folder / WORK, weights_only=False, mmap=True)
        processes = join(work.device.type)
        # Once all have it, what the starter would leave behind, were it killed, is no copy of the data.
        processes.gather(None)
        if processes.first:
            (folder / WORK).unlink(missing_ok=True)
        outcome = work.run(processes)
    except (ArdslError, KeyboardInterrupt) as error:
        outcome = error
    except Exception as error:
        problem = memory_problem(error)
        outcome = (
            ArdslError(problem) if problem else Broken(f"{type(error).__name__}: {error}\n{traceback.format_exc()}")
        )
    failed = isinstance(outcome, BaseException)
    rank = os.environ["RANK"]
    if failed or rank == "0":
        with replacing(folder / OUTCOME.format(rank=rank)) as part:
            torch.save(outcome, part)
    return int(failed)


def _end_with_the_starter() -> None:
    """The input ends when the process that started this one does, however it died."""
    os.read(sys.stdin.fileno(), 1)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
