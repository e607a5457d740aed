"""Can DeepSpeed start on this machine?"""

from __future__ import annotations

import importlib.metadata
import importlib.util

from share_dist.errors import Finding


def check() -> list[Finding]:
    """Say whether what a training needs is installed; nothing needs to be compiled for it."""
    if importlib.util.find_spec("deepspeed") is None:
        return [Finding("training", False, "DeepSpeed is not installed", "Run make setup.")]
    import torch

    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("deepspeed", "torch"))
    if not torch.distributed.is_available() or not torch.distributed.is_gloo_available():
        return [Finding("training", False, f"{versions} without gloo", "Install torch from constraints.txt.")]
    gpus = torch.cuda.device_count()
    return [Finding("training", True, f"{versions}, gloo, {gpus} GPUs; no compiler is needed")]
