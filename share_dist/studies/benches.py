"""The benches by name, and what all of them do alike: the last printed line and the file of figures."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from share_dist.errors import NotWritable
from share_dist.storage import require_file_name, temporary_file, write_whole, writing
from share_dist.studies import (
    bench_cluster,
    bench_gpu,
    bench_memory,
    bench_render,
    bench_survey,
    bench_sweep,
    bench_train,
)

BENCHES: dict[str, Callable[[], dict[str, Any]]] = {
    "render": bench_render.run,
    "survey": bench_survey.run,
    "train": bench_train.run,
    "memory": bench_memory.run,
    "cluster": bench_cluster.run,
    "sweep": bench_sweep.run,
    "gpu": bench_gpu.run,
}


def run_bench(name: str, json_path: Path | None = None) -> dict[str, Any]:
    """Measure, print ``NAME ratio=…`` as the last line, and keep every figure, `ratio` among them.

    Args:
        name: one of `BENCHES`.
        json_path: where to; its folder is made. None keeps nothing.

    Raises:
        errors.NotWritable: the file cannot be written; found out before anything is measured.
    """
    with keeping(json_path) as figures:
        figures |= {"command": f"share-dist bench {name}", **BENCHES[name]()}
    print(f"{name} ratio={figures['ratio']:.3f}")
    return figures


@contextmanager
def keeping(json_path: Path | None) -> Iterator[dict[str, Any]]:
    """Give an empty dict for figures, and write it into a file when they are there; None keeps nothing.

    Raises:
        errors.NotWritable: the file cannot be written; found out before anything is measured.
    """
    if json_path is not None:
        _require_writable(json_path)
    figures: dict[str, Any] = {}
    yield figures
    if json_path is not None:
        with writing(json_path):
            write_whole(json_path, json.dumps(figures, indent=1) + "\n")


def _require_writable(path: Path) -> None:
    try:
        # Beside it: an earlier file stays whole until there are new figures.
        require_file_name(path)
        with temporary_file(path, b""):
            pass
    except NotWritable:
        raise
    except OSError as error:
        raise NotWritable(
            f"cannot write {path}: {error.strerror}.\n  Give --json a file in a folder that you may write to."
        ) from error
