"""The simulation of a growing cluster: right where it can be known, and its page is what it prints."""

from __future__ import annotations

import dataclasses
import json
from itertools import pairwise
from pathlib import Path

import pytest

from share_dist.storage.together import AT_ONCE
from share_dist.studies import scaling
from share_dist.studies.scaling import BLOCKS, CORES, DRIVER, GETS, NETWORK, NODES, PUTS, WAITING, Inputs, survey
from share_dist.survey import BLOCK

ROOT = Path(__file__).resolve().parents[2]
RATE = 100.0
FREE = Inputs(
    views_per_s_per_core=RATE,
    bytes_per_view=0.0,
    driver_cpu_s_per_block=0.0,
    puts_per_block=2.0,
    gets_per_block=1.0,
    gets_around_per_block=5.0,
    requests_at_once=1.0,
    s3_request_s=0.0,
    s3_puts_per_s=1e12,
    s3_gets_per_s=1e12,
    cores_per_node=4,
    memory_bytes_per_node=1e9,
    network_bytes_per_s=1e12,
    object_store_share=0.3,
)
"""A cluster in which only rendering and evaluating take time."""


def with_(**changes: float) -> Inputs:
    return dataclasses.replace(FREE, **changes)


def test_one_node_does_what_was_measured_when_nothing_else_takes_time():
    found = survey(FREE, 1, views=BLOCK * 400)
    assert found.views_per_s == pytest.approx(RATE * 4)
    assert found.held_up_by == CORES
    assert found.busy[CORES] == pytest.approx(1)


def test_nodes_that_share_nothing_scale_as_they_are_many():
    rates = [survey(FREE, nodes, views=BLOCK * 4 * 256 * 2).views_per_s for nodes in NODES]
    assert rates == pytest.approx([RATE * 4 * nodes for nodes in NODES])


@pytest.mark.parametrize(
    ("changes", "part", "block_s"),
    [
        ({"driver_cpu_s_per_block": 0.02}, DRIVER, 0.02),
        ({"s3_request_s": 0.01, "gets_around_per_block": 0.0}, WAITING, 0.03),
        ({"s3_request_s": 0.01}, WAITING, 0.08),
        ({"s3_puts_per_s": 50.0}, PUTS, 0.04),
        ({"s3_gets_per_s": 50.0, "gets_around_per_block": 0.0}, GETS, 0.02),
    ],
)
def test_a_part_that_all_share_is_full_when_its_time_for_a_block_times_the_rate_is_one(changes, part, block_s):
    found = survey(with_(**changes), 256, views=BLOCK * 20_000)
    assert found.held_up_by == part
    assert found.views_per_s / BLOCK * block_s == pytest.approx(1, rel=0.02)


def test_a_narrow_network_holds_each_node_up_alike():
    # A node's cores make 400 views/s, but only 100 of 1 kB fit through; of two nodes' views each sends half away.
    narrow = with_(bytes_per_view=1e3, network_bytes_per_s=1e5)
    assert survey(narrow, 1).held_up_by == CORES
    two, many = survey(narrow, 2, BLOCK * 8000), survey(narrow, 256, BLOCK * 8192)
    assert (two.held_up_by, many.held_up_by) == (NETWORK, NETWORK)
    assert two.views_per_s == pytest.approx(2 * 100 * 2)
    assert many.views_per_s == pytest.approx(256 * 100, rel=0.01)


def test_a_survey_of_few_blocks_gains_nothing_from_more_cores_than_blocks():
    few, more = (survey(FREE, nodes, views=BLOCK * 10) for nodes in (4, 64))
    assert few.seconds == more.seconds == pytest.approx(BLOCK / RATE)
    assert few.held_up_by == BLOCKS


def test_no_survey_is_faster_than_any_of_its_parts_and_more_nodes_never_make_it_slower():
    inputs = Inputs.read(ROOT / "results/scaling.json")
    for at_once in (1, 32):
        found = [survey(dataclasses.replace(inputs, requests_at_once=at_once), nodes) for nodes in NODES]
        assert max(share for outcome in found for share in outcome.busy.values()) <= 1 + 1e-9
        assert all(after.seconds <= before.seconds * (1 + 1e-9) for before, after in pairwise(found))


def test_requests_at_once_share_their_waiting_and_nothing_else():
    inputs = with_(s3_request_s=0.1, driver_cpu_s_per_block=0.02)
    one, many = (scaling.shared_seconds(dataclasses.replace(inputs, requests_at_once=count)) for count in (1, 10))
    assert one[WAITING] == pytest.approx(10 * many[WAITING])
    assert {part: one[part] for part in (DRIVER, PUTS, GETS)} == {part: many[part] for part in (DRIVER, PUTS, GETS)}


def test_the_page_holds_the_tables_that_are_printed_from_the_committed_inputs(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    scaling.main([])
    page = (ROOT / "docs/scaling.md").read_text()
    for table in capsys.readouterr().out.strip().split("\n\n"):
        assert table in page, "docs/scaling.md differs: put in what `python -m share_dist.studies.scaling` prints"


def test_gathered_inputs_are_those_of_the_benches_and_say_so(tmp_path):
    bench = tmp_path / "bench"
    bench.mkdir()
    (bench / "survey.json").write_text(json.dumps({"ray_one_core_views_per_s": 178.0}))
    asked = {"before": {"HEAD": 2.0}, "while": {"HEAD": 1.0, "PUT": 2.0}, "after": {"GET": 2.0, "HEAD": 1.0}}
    cluster = {"bytes_per_view": 3e4, "driver_cpu_s_per_block": 0.006, "requests_per_block": asked}
    (bench / "cluster.json").write_text(json.dumps(cluster))
    found = scaling.gather(tmp_path)
    measured = {name: entry["value"] for name, entry in found.items() if entry["from"].startswith("measured")}
    assert measured == {
        "views_per_s_per_core": 178.0,
        "bytes_per_view": 3e4,
        "driver_cpu_s_per_block": 0.006,
        "puts_per_block": 2.0,
        "gets_per_block": 1.0,
        "gets_around_per_block": 5.0,
    }
    others = {name: entry for name, entry in found.items() if name not in measured}
    assert others.pop("requests_at_once")["value"] == AT_ONCE
    assert {name for name, entry in others.items() if entry["from"].startswith("assumed")} == {"network_bytes_per_s"}
    assert all(entry["from"].startswith(("documented", "assumed")) for entry in others.values())
