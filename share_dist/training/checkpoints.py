"""A training's state in its store: whole, hashed, without pickles, and refused when it is another job's.

A store holds job.json, which says what is learned, so that another job is refused;
checkpoints/step-000200/state-0123456789ab.safetensors, the weights, buffers and AdamW's moments after 200 steps, with a
manifest written last, without which it was never finished; and in the end trained/model.safetensors, the trained
network, after which the checkpoints are deleted.

A rank that was cut off and given up may come back and write once more. It does no harm: a state's name says what it
holds, and of two manifests or networks the first one stays.
"""

from __future__ import annotations

import hashlib
import re

from safetensors.torch import load, save
from torch import Tensor

from share_dist.errors import DamagedFile
from share_dist.storage import MANIFEST, Store, commit, inside, is_committed, require_same, sealed, verified
from share_dist.training.config import TrainingJob

JOB, FOLDER, FINISHED, RAY = "job.json", "checkpoints", "trained", "ray"
_NAME = "model.safetensors"
MODEL = f"{FINISHED}/{_NAME}"


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
        store.write_once(JOB, sealed(dict(sorted(wanted.items()))))
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
    data = save(state, metadata={"step": str(step)})
    name = f"state-{hashlib.sha256(data).hexdigest()[:12]}.safetensors"
    stage.write_once(name, data)
    commit(stage, {name: data})
    for old in sorted(_finished_steps(store))[:-2]:
        store.delete(_folder(old))


def load_state(store: Store, step: int) -> dict[str, Tensor]:
    """Return the state after `step` steps, its hash compared with the manifest.

    Raises:
        errors.DamagedFile: a file is missing or altered; the message names the folder to delete.
    """
    stage = _stage(store, step)
    whole = list(verified(stage).objects.values())
    if len(whole) != 1:
        raise DamagedFile(f"{stage.uri()} is not a checkpoint of ours.\n  Delete the folder and run the same command.")
    return load(whole[0])


def drop_damaged(store: Store) -> bool:
    """Delete the newest checkpoints if they are damaged and one before them is intact; return whether that was so."""
    *earlier, newest = [0, *sorted(_finished_steps(store))]
    damaged = []
    for step in (newest, *reversed(earlier)):
        if step and _is_intact(store, step):
            for bad in damaged:
                store.delete(_folder(bad))
            return bool(damaged)
        damaged.append(step)
    return False


def _is_intact(store: Store, step: int) -> bool:
    try:
        load_state(store, step)
    except DamagedFile:
        return False
    return True


def finish(store: Store) -> None:
    """Commit the trained network, then delete the checkpoints, which it makes useless, and Ray's empty folder."""
    stage = inside(store, FINISHED)
    commit(stage, {_NAME: stage.read(_NAME)})
    for folder in (FOLDER, RAY):
        store.delete(folder)


def finished_model(store: Store) -> bytes | None:
    """Return the trained network if the training was finished.

    Raises:
        errors.DamagedFile: it was, but the file has changed or gone.
    """
    stage = inside(store, FINISHED)
    if not is_committed(stage):
        return None
    return verified(stage).read(_NAME)


def _stage(store: Store, step: int) -> Store:
    return inside(store, _folder(step))


def _folder(step: int) -> str:
    return f"{FOLDER}/step-{step:06d}"


def _finished_steps(store: Store) -> list[int]:
    # A copy that somebody made of a folder is none of ours.
    found = (re.fullmatch(rf"{FOLDER}/step-(\d+)/{MANIFEST}", key) for key in store.list(FOLDER))
    return [int(match[1]) for match in found if match]
