"""Faults by a seeded schedule cost time and nothing else; and an audit that finds what it should find."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from share_dist.learning import batch_numbers
from share_dist.studies.chaos_audit import Audit, compare, follow_steps
from share_dist.studies.cluster_work import Work
from share_dist.studies.faults import KINDS, STAGES, schedule
from share_dist.survey import Survey

WORK = Work(out="nowhere", steps=10)


def test_a_schedule_is_a_function_of_its_seed_and_twenty_of_them_have_every_kind():
    assert schedule(4, 3) == schedule(4, 3) != schedule(5, 3)
    faults = [fault for seed in range(1, 21) for fault in schedule(seed, 3)]
    assert {fault.kind for fault in faults} == set(KINDS)
    assert len(faults) == 100
    assert [fault.stage for fault in schedule(1, 3)] == [STAGES[0]] * 2 + [STAGES[1]] * 2 + [STAGES[2]]


def survey_of(numbers):
    numbers = np.array(numbers)
    return Survey({"view_number": numbers, "mpjpe_mm": numbers * 1.5, "family": numbers.astype(str)}, {})


def test_an_audit_of_rows_finds_each_that_is_lost_doubled_or_changed():
    wanted = survey_of(range(10))
    for numbers, lost, doubled in ([range(10), 0, 0], [[*range(8)], 2, 0], [[*range(9), 8], 1, 1]):
        found = Audit()
        compare(survey_of(numbers), wanted, found)
        assert (found.rows_lost, found.rows_doubled) == (lost, doubled)
    changed = survey_of(range(10))
    changed.columns["mpjpe_mm"][3] = np.nextafter(changed["mpjpe_mm"][3], 9)
    found = Audit()
    compare(changed, wanted, found)
    assert found.failures(5) == ["rows different: 1"]


def given(start, begun, ranks, steps):
    """What the ranks of one start note when they are given these steps' batches as they should be."""
    job = WORK.job
    for rank in range(ranks):
        parts = [np.split(batch_numbers(job.learning, job.seed, step), ranks)[rank].tolist() for step in steps]
        note = {"start": start, "begun": begun, "rank": rank, "ranks": ranks}
        yield {**note, "given": [list(pair) for pair in zip(steps, parts, strict=True)]}


def test_an_audit_of_steps_counts_those_that_were_taken_again_and_misses_none():
    notes = [*given("a", 0.0, 2, range(7)), *given("b", 1.0, 1, range(5, 10))]
    found = Audit()
    follow_steps(notes, WORK, found)
    # Step 6 was given and may not have been taken; step 5 was.
    assert (found.steps_repeated, found.steps_missing, found.steps_out_of_order) == ([1], 0, 0)

    swapped = [dict(note) for note in notes]
    swapped[2]["given"] = [[step, numbers[::-1]] for step, numbers in swapped[2]["given"]]
    found = Audit()
    follow_steps(swapped[:2] + swapped[2:], dataclasses.replace(WORK, steps=12), found)
    assert found.steps_missing == 2
    assert found.steps_out_of_order >= 5


def test_repeating_more_than_a_checkpoint_breaks_the_promise():
    assert Audit(steps_repeated=[5]).failures(checkpoint_every=5) == []
    assert Audit(steps_repeated=[6]).failures(checkpoint_every=5) == ["steps repeated: 6, more than a checkpoint's 5"]


@pytest.mark.proof
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_run_through_faults_ends_with_every_row_of_an_undisturbed_one(namespaces):
    """The driver is killed in the survey, a node cut off in the training, a renderer killed in the survey after it."""
    from share_dist.studies.chaos import run_chaos

    figures = run_chaos(seed=54, workers=2, each_stage=(1, 1, 1), steps=20, passes=4)
    assert [(fault["kind"], fault["struck"]) for fault in figures["faults"]] == [
        ("driver", True),
        ("partition", True),
        ("render actor", True),
    ]
    assert figures["failures"] == []
    assert (figures["rows_lost"], figures["rows_doubled"], figures["rows_different"]) == (0, 0, 0)
    assert figures["drivers"] == 2
    assert figures["steps_missing"] == figures["steps_out_of_order"] == 0
