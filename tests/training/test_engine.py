"""DeepSpeed around the step: the same bits as without it, and a state that goes into any stage."""

from __future__ import annotations

import pytest
import torch
from toys import JOB, LEARNING, MODEL, records

from share_dist import errors
from share_dist.body import BodyLayer
from share_dist.learning import Learner, batch_numbers, train_plain
from share_dist.models import fit_weights, make_model
from share_dist.training import DeepSpeedConfig, TrainingConfig
from share_dist.training.engine import Engine


@pytest.fixture(scope="module", autouse=True)
def lone_rank(tmp_path_factory):
    """A process group of one, one thread, and the environment that Ray Train would set."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    patch = pytest.MonkeyPatch()
    for name, value in {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0"}.items():
        patch.setenv(name, value)
    store = torch.distributed.FileStore(str(tmp_path_factory.mktemp("group") / "store"), 1)
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()
    patch.undo()
    torch.set_num_threads(threads)


@pytest.fixture
def learner(figure):
    def make(seed: int = 0) -> Learner:
        return Learner(make_model(MODEL, seed), BodyLayer(figure), JOB.losses, LEARNING, JOB.seed)

    return make


def steps(engine: Engine, numbers: range) -> list[float]:
    batches = ((step, records().take(batch_numbers(LEARNING, JOB.seed, step))) for step in numbers)
    return [float(engine.step(batch, step)[0]) for step, batch in batches]


def test_one_rank_learns_the_very_bits_of_the_plain_loop(learner):
    plain, wrapped = learner(), learner()
    train_plain(plain, records().take, JOB.seed, steps=range(4))
    engine = Engine(wrapped, TrainingConfig(), LEARNING.batch_size)
    steps(engine, range(4))
    for name, value in plain.model.state_dict().items():
        assert torch.equal(engine.model_state()[name], value), name


# DeepSpeed 0.19.8 on torch 2.13 (2026-11): it uses names that torch is about to drop.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*is deprecated. Please use:FutureWarning"),
]
RARER = [pytest.param(1, marks=pytest.mark.proof), pytest.param(2, marks=pytest.mark.proof), 3]


@pytest.mark.parametrize("stage", [0, *RARER])
def test_a_restored_state_goes_on_with_the_very_bits(learner, stage):
    first = Engine(learner(), TrainingConfig(zero_stage=stage), LEARNING.batch_size)
    steps(first, range(3))
    state = first.state()
    losses = steps(first, range(3, 6))

    again = learner(seed=1)
    fit_weights(again.model, {name[6:]: value for name, value in state.items() if name.startswith("model.")}, "state")
    second = Engine(again, TrainingConfig(zero_stage=stage), LEARNING.batch_size)
    second.restore(state, 3, records().take(batch_numbers(LEARNING, JOB.seed, 3)))
    assert steps(second, range(3, 6)) == losses
    for name, value in first.state().items():
        assert torch.equal(second.state()[name], value), name


def test_a_state_goes_on_under_another_zero_stage(learner):
    first = Engine(learner(), TrainingConfig(), LEARNING.batch_size)
    steps(first, range(3))
    state = first.state()
    second = Engine(learner(), TrainingConfig(zero_stage=2), LEARNING.batch_size)
    fit_weights(second.model, {name[6:]: value for name, value in state.items() if name.startswith("model.")}, "state")
    second.restore(state, 3, records().take(batch_numbers(LEARNING, JOB.seed, 3)))
    # DeepSpeed adds the norm's squares in another order than torch; clipping passes that on, a rounding a step.
    assert steps(second, range(3, 6)) == pytest.approx(steps(first, range(3, 6)), rel=1e-5)


@pytest.mark.parametrize("stage", [0, 2])
def test_a_batch_taken_in_parts_teaches_the_same(learner, stage):
    whole = Engine(learner(), TrainingConfig(zero_stage=stage), LEARNING.batch_size)
    parts = TrainingConfig(zero_stage=stage, deepspeed=DeepSpeedConfig(gradient_accumulation=4))
    assert steps(Engine(learner(), parts, LEARNING.batch_size), range(4)) == pytest.approx(
        steps(whole, range(4)), rel=1e-5
    )


@pytest.mark.parametrize(
    ("stage", "asked", "rounding"),
    [
        (2, DeepSpeedConfig(offload_optimizer=True), 1e-5),
        (3, DeepSpeedConfig(offload_optimizer=True, offload_weights=True), 1e-5),
        (1, DeepSpeedConfig(bf16_gradients=True), 0.01),
        (3, DeepSpeedConfig(bf16_gradients=True), 0.01),
    ],
)
def test_what_deepspeed_is_asked_for_it_does_and_its_state_goes_on_without(learner, stage, asked, rounding):
    plain = Engine(learner(), TrainingConfig(), LEARNING.batch_size)
    wanted = steps(plain, range(5))
    engine = Engine(learner(), TrainingConfig(zero_stage=stage, deepspeed=asked), LEARNING.batch_size)
    assert steps(engine, range(3)) == pytest.approx(wanted[:3], rel=rounding)
    again = learner(seed=1)
    state = engine.state()
    fit_weights(again.model, {name[6:]: value for name, value in state.items() if name.startswith("model.")}, "state")
    second = Engine(again, TrainingConfig(), LEARNING.batch_size)
    second.restore(state, 3, records().take(batch_numbers(LEARNING, JOB.seed, 3)))
    assert steps(second, range(3, 5)) == pytest.approx(wanted[3:], rel=rounding)


def test_a_gradient_that_is_not_a_number_stops_the_training(learner):
    engine = Engine(learner(), TrainingConfig(), LEARNING.batch_size)
    with torch.no_grad():
        engine.weights[0].fill_(float("inf"))
    with pytest.raises(errors.TrainingDiverged, match="the gradient of step 3 is nan"):
        steps(engine, range(3, 4))
