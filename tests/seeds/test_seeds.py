"""A stream is addressed by (seed, name, index) and by nothing else."""

from __future__ import annotations

import subprocess
import sys

import numpy as np

from share_dist.seeds import derived_seed, permutation, stream


def test_the_same_address_gives_the_same_numbers_in_another_process():
    code = "from share_dist.seeds import stream; print(stream(7, 'people', 123).integers(1 << 62))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert int(printed) == stream(7, "people", 123).integers(1 << 62)


def test_seed_name_and_index_each_change_the_stream():
    draws = {
        tuple(stream(seed, name, index).integers(1 << 62, size=2))
        for seed in (0, 1)
        for name in ("people", "cameras")
        for index in (0, 1, 2**40)
    }
    assert len(draws) == 12


def test_neighbouring_streams_are_uncorrelated():
    values = np.stack([stream(0, "x", index).standard_normal(2000) for index in range(20)])
    correlation = np.corrcoef(values) - np.eye(20)
    # Twenty streams make 190 pairs; 4.5 standard errors is passed by chance about once in a thousand runs.
    assert np.abs(correlation).max() < 4.5 / np.sqrt(2000)


def test_a_permutation_holds_every_number_once():
    order = permutation(3, "order", 1, 1000)
    assert sorted(order) == list(range(1000))
    assert not np.array_equal(order, permutation(3, "order", 2, 1000))


def test_derived_seeds_differ_by_name_and_stay_in_range():
    assert derived_seed(1, "a") != derived_seed(1, "b")
    assert 0 <= derived_seed(1, "a") < 2**63
