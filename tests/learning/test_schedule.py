"""Which views a step sees and how fast it learns: closed forms of the step's number."""

from __future__ import annotations

import numpy as np
import pytest

from share_dist.errors import BadSetting
from share_dist.learning import LearningConfig, batch_numbers, learning_rate_at, total_steps


def config(**changes) -> LearningConfig:
    return LearningConfig(**{"fresh_views": 50, "reuse": 3, "batch_size": 16, **changes})


def test_every_view_is_learned_from_as_often_as_the_settings_say():
    some = config(batch_size=15)
    assert total_steps(some) == 10
    numbers = np.concatenate([batch_numbers(some, 0, step) for step in range(10)])
    assert np.bincount(numbers).tolist() == [3] * 50
    for turn in range(3):
        assert sorted(numbers[50 * turn : 50 * turn + 50]) == list(range(50))


def test_pictures_that_do_not_fill_a_batch_are_left_out():
    assert total_steps(config()) == 9
    numbers = np.concatenate([batch_numbers(config(), 0, step) for step in range(9)])
    assert np.bincount(numbers).max() == 3
    assert len(numbers) == 144


def test_a_step_needs_none_of_the_steps_before_it():
    assert np.array_equal(batch_numbers(config(), 4, 7), batch_numbers(config(), 4, 7))
    assert not np.array_equal(batch_numbers(config(), 4, 7), batch_numbers(config(), 5, 7))
    assert not np.array_equal(batch_numbers(config(), 4, 0), batch_numbers(config(), 4, 1))


def test_a_batch_may_be_larger_than_a_pass():
    wide = config(fresh_views=10, reuse=10, batch_size=25)
    assert np.bincount(batch_numbers(wide, 0, 0)).max() == 3
    assert np.bincount(np.concatenate([batch_numbers(wide, 0, s) for s in range(4)])).tolist() == [10] * 10


def test_the_rate_rises_to_its_peak_and_falls_to_almost_nothing():
    some = config(fresh_views=1600, reuse=10, learning_rate=2e-3)
    rates = np.array([learning_rate_at(step, some) for step in range(total_steps(some))])
    peak = int(rates.argmax())
    assert rates.max() == pytest.approx(2e-3, rel=1e-6)
    assert peak == 0.1 * len(rates)
    assert (np.diff(rates[: peak + 1]) > 0).all()
    assert (np.diff(rates[peak:]) < 0).all()
    assert 0 < rates[0] < 2e-4
    assert rates[-1] == pytest.approx(2e-5, rel=0.01)


def test_no_warm_up_starts_at_the_peak():
    assert learning_rate_at(0, config(warmup_share=0.0)) == config().learning_rate


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"fresh_views": 0}, r"learning\.fresh-views"),
        ({"warmup_share": 10}, r"\[0, 1\]"),
        ({"mirror_share": -0.1}, r"learning\.mirror-share"),
        ({"gradient_clip": -1.0}, r"learning\.gradient-clip"),
        ({"batch_size": 151}, "only 150 pictures"),
        ({"learning_rate": float("nan")}, r"learning\.learning-rate"),
    ],
)
def test_settings_that_cannot_work_are_refused(changes, words):
    with pytest.raises(BadSetting, match=words):
        config(**changes)
