"""One training step, the optimisers, the plain loop: everything about learning that needs no cluster.

A training is decided by its settings, its plan and a seed: which views a step sees, how they are changed, at which
rate it learns are closed forms of the step's number. `training` runs the same step on many machines.

    batch_numbers(config, seed, step)  -> view numbers
    learning_rate_at(step, config)     -> rate
    Learner(...).loss(records, step)   -> loss, terms
    train_plain(learner, records_of, seed)           the whole loop in one process
"""

from share_dist.learning.config import LearningConfig as LearningConfig
from share_dist.learning.config import batch_numbers as batch_numbers
from share_dist.learning.config import learning_rate_at as learning_rate_at
from share_dist.learning.config import total_steps as total_steps
from share_dist.learning.learner import Learner as Learner
from share_dist.learning.learner import StepReport as StepReport
from share_dist.learning.learner import make_optimizer as make_optimizer
from share_dist.learning.learner import require_finite_gradient as require_finite_gradient
from share_dist.learning.learner import train_plain as train_plain
