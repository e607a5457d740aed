"""What `bench cluster` makes of its clocks and logs; the bench itself runs in `make proof`."""

from __future__ import annotations

import pytest

from share_dist.studies import BENCHES, bench_cluster
from share_dist.studies.bench_cluster import (
    checkpoint_costs,
    gain_of_nodes,
    marginal_rate,
    requests_by_stage,
    seconds_until_a_step,
)
from share_dist.studies.cluster_work import Work


def test_it_is_one_of_the_benches():
    assert BENCHES["cluster"] is bench_cluster.run


def test_what_starting_takes_cancels_in_a_marginal_rate():
    assert marginal_rate((5.0 + 2.0, 5.0 + 10.0), (200, 1000)) == pytest.approx(100)


def test_two_nodes_are_compared_with_the_mean_of_one_in_each_turn():
    sizes = (100, 1100)
    seconds = {"a": [[1.0, 11.0], [1.0, 6.0]], "b": [[1.0, 6.0], [1.0, 6.0]], "together": [[1.0, 5.0], [1.0, 3.0]]}
    # Turn 1: 100 and 200 views/s alone, 250 together; turn 2: 200 and 200 alone, 500 together.
    assert gain_of_nodes(seconds, sizes) == pytest.approx([250 / 150, 500 / 200])


def note(start, begun, rank, times, first=0):
    """What a rank notes: from step `first` on, when it asked for each step's records and when it had them."""
    given = [[first + index, []] for index in range(len(times))]
    return {"start": start, "begun": begun, "rank": rank, "ranks": 2, "given": given, "times": times}


def test_a_recovery_lasts_until_the_first_step_of_the_first_start_after_it_is_taken():
    notes = [
        note("before", 10.0, 0, [[10, 11], [12, 13], [14, 15]]),
        note("in vain", 22.0, 0, [[22, 23]]),
        note("after", 30.0, 1, [[30, 30], [31, 31]]),
        note("after", 30.5, 0, [[30.5, 32], [33.5, 34]]),
        note("later", 50.0, 0, [[50, 51], [52, 53]]),
    ]
    assert seconds_until_a_step(notes, moment=20.0) == 13.5


def test_a_checkpoint_costs_what_its_steps_took_longer_and_waiting_for_pictures_does_not_count():
    # Steps of one second, the first of five, each after seven seconds of waiting; steps 3 and 7 keep a checkpoint.
    times, now = [], 0.0
    for step in range(10):
        times.append([now, now + 7.0])
        now += 7.0 + {0: 5.0, 3: 1.5, 7: 3.0}.get(step, 1.0)
    found = checkpoint_costs([note("a", 0.0, 0, times), note("a", 0.0, 1, times)], Work(out="", checkpoint_every=4))
    assert found == {"step_s": pytest.approx([1.0]), "stall_s": pytest.approx([0.5, 2.0])}


def test_a_checkpoint_is_compared_with_the_steps_of_its_own_start():
    alone = [[float(2 * step), float(2 * step)] for step in range(5)]
    both = [[100.0 + step, 100.0 + step] for step in range(5)]
    notes = [note("alone", 0.0, 0, alone, first=1), note("both", 100.0, 0, both, first=1)]
    found = checkpoint_costs(notes, Work(out="", checkpoint_every=4))
    assert found == {"step_s": [2.0, 1.0], "stall_s": [0.0, 0.0]}


def test_requests_are_counted_by_the_stage_of_a_survey():
    of_block = [("HEAD", 0), ("HEAD", 1), ("PUT", 0), ("PUT", 0), ("HEAD", 1), ("PUT", 1), ("GET", 0), ("GET", 1)]
    log = [("PUT", "/b/s/9/meta.json"), *((method, f"/b/s/9/block-0000{number}/x") for method, number in of_block)]
    found = requests_by_stage([*log, ("GET", "/b/s/99/block-00000/x")], "/s/9/block-")
    assert found == {"before": {"HEAD": 2}, "while": {"PUT": 3, "HEAD": 1}, "after": {"GET": 2}}
