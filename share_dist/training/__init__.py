"""Ray Train + DeepSpeed around `learning`: ranks, checkpoints, resume.

A *rank* is one training process. All ranks take the same steps: each learns from its slice of a step's view numbers,
and their gradients are averaged, so that together they are one big batch. This room knows where a step runs and what
survives a crash; what a step computes is `learning`'s, and where records come from is a `Pictures` value.

    train(job, store, pictures, config)  -> bytes     a trained checkpoint, made now or found finished
    TrainingJob                                       what is learned: start, body, plan, losses, settings, seed
    require_even_batches(learning, config)            refuses a batch that the workers cannot share
    require_room(config, batch_size)                  refuses what the machine or the cluster can never hold
    fleet.pictures(plan), HeldPictures(records)       where ranks get their records: live, or from memory
    check()                              -> findings  can DeepSpeed start here?

The same command after a crash goes on from the last checkpoint, with the exact next sample.
"""

from share_dist.training.checkpoints import snapshot_key as snapshot_key
from share_dist.training.config import DeepSpeedConfig as DeepSpeedConfig
from share_dist.training.config import TrainingConfig as TrainingConfig
from share_dist.training.config import TrainingJob as TrainingJob
from share_dist.training.config import require_even_batches as require_even_batches
from share_dist.training.elastic import require_room as require_room
from share_dist.training.health import check as check
from share_dist.training.pictures import HeldPictures as HeldPictures
from share_dist.training.pictures import Pictures as Pictures
from share_dist.training.trainer import train as train
