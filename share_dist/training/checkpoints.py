"""A training's state in its store: whole, hashed, without pickles, and refused when it is another job's.

A store holds job.json, which says what is learned, so that another job is refused;
checkpoints/step-000200/state.safetensors, the weights, buffers and AdamW's moments after 200 steps, with a manifest
written last, without which it was never finished; and in the end trained/model.safetensors, the trained network, after
which the checkpoints are deleted.
"""

from __future__ import annotations

import json
import shutil

from safetensors.torch import load, save
from torch import Tensor

from share_dist.errors import DamagedFile
from share_dist.storage import Store, commit, inside, is_committed, require_same, verify
from share_dist.training.config import TrainingJob

JOB, FOLDER, STATE, FINISHED, RAY = "job.json", "checkpoints", "state.safetensors", "trained", "ray"
MODEL = f"{FINISHED}/model.safetensors"


def snapshot_key(step: int) -> str:
    """Return where the network as it was after `step` steps is kept, when snapshots are asked for."""
    return f"snapshots/step-{step:06d}.safetensors"


def claim(job: TrainingJob, store: Store) -> None:
    """Write the job's description into the store, or find the same one there.

    Raises:
        errors.OtherRun: the store holds another training; the message lists what differs.
        errors.DamagedFile: its description is not JSON.
    """
    wanted = job.description()
    if not store.exists(JOB):
        store.write_once(JOB, json.dumps(wanted, indent=1, sort_keys=True).encode())
        return
    require_same(
        store,
        JOB,
        wanted,
        otherwise=f"{store.uri(JOB)} describes another training than '{job.name}'",
        remedy="Its checkpoints are not used. Choose another --out, or give that training's settings to continue it.",
    )


def latest_step(store: Store) -> int:
    """Return after how many steps the last finished checkpoint was taken; 0 when there is none."""
    return max(_finished_steps(store), default=0)


def save_state(store: Store, step: int, state: dict[str, Tensor]) -> None:
    """Store a checkpoint after `step` steps, then delete older ones but the one before: it may be being read."""
    stage = _stage(store, step)
    stage.overwrite(STATE, save(state, metadata={"step": str(step)}))
    commit(stage, [STATE])
    for old in sorted(_finished_steps(store))[:-2]:
        _delete(_stage(store, old))


def load_state(store: Store, step: int) -> dict[str, Tensor]:
    """Return the state after `step` steps, its hash compared with the manifest.

    Raises:
        errors.DamagedFile: a file is missing or altered; the message names the folder to delete.
    """
    stage = _stage(store, step)
    if verify(stage) != [STATE]:
        raise DamagedFile(f"{stage.uri()} is not a checkpoint of ours.\n  Delete the folder and run the same command.")
    return load(stage.read(STATE))


def finish(store: Store) -> None:
    """Commit the trained network, then delete the checkpoints, which it makes useless, and Ray's empty folder."""
    commit(inside(store, FINISHED), ["model.safetensors"])
    for folder in (FOLDER, RAY):
        shutil.rmtree(store.local_path(f"{folder}/x").parent, ignore_errors=True)


def finished_model(store: Store) -> bytes | None:
    """Return the trained network if the training was finished.

    Raises:
        errors.DamagedFile: it was, but the file has changed or gone.
    """
    stage = inside(store, FINISHED)
    if not is_committed(stage):
        return None
    verify(stage)
    return stage.read("model.safetensors")


def _stage(store: Store, step: int) -> Store:
    return inside(store, f"{FOLDER}/step-{step:06d}")


def _finished_steps(store: Store) -> list[int]:
    names = (key.split("/") for key in store.list(FOLDER))
    return [int(parts[1].removeprefix("step-")) for parts in names if parts[-1] == "manifest.json"]


def _delete(stage: Store) -> None:
    # The manifest goes first, so that a half-deleted checkpoint is an unfinished one.
    stage.local_path("manifest.json").unlink(missing_ok=True)
    shutil.rmtree(stage.local_path("manifest.json").parent, ignore_errors=True)
