"""The doctor asks every node, says once what all have in common, and names the node that differs with the remedy."""

from __future__ import annotations

import os
import re
import signal
import threading
import time

import numpy as np
import pytest

from share_dist.body import smpl_arrays
from share_dist.errors import Finding
from share_dist.ops.doctor import NodeReport, agreement, cluster_table
from share_dist.ops.facts import NodeFacts

RAY = Finding("ray", True, "version 2.60.0")
FULL = Finding("storage", False, "the disk is full", "Free some space.")
WELL = Finding("storage", True, "/data can be written")
FACTS = NodeFacts({"ray": "2.60.0", "numpy": "2.4.6"}, "aaaa", "figure 1234")


def report(name, *findings, facts=FACTS, **more):
    return NodeReport(name, findings, facts, **more)


def test_what_all_nodes_say_is_one_line_and_what_one_says_bears_its_name():
    said = cluster_table([report("a (10.0.0.1)", RAY, WELL), report("b (10.0.0.2)", RAY, FULL)]).splitlines()
    assert sum("version 2.60.0" in line for line in said) == 1
    assert any(line.startswith("ok   ray") and "all 2 nodes" in line for line in said)
    bad = next(number for number, line in enumerate(said) if line.startswith("BAD  storage"))
    assert "b (10.0.0.2)" in said[bad]
    assert said[bad + 1].strip() == "-> Free some space."


def test_versions_sources_and_bodies_must_be_equal():
    other = NodeFacts({"ray": "2.60.0", "numpy": "2.3.0"}, "bbbb", "SMPL 9876")
    found = {finding.name: finding for finding in agreement([report("a"), report("b"), report("c", facts=other)])}
    assert found["versions"].detail == "c has numpy 2.3.0, others 2.4.6"
    assert found["source"].detail == "c has share_dist bbbb, others aaaa"
    assert found["body files"].detail == "c has body SMPL 9876, others figure 1234"
    assert not any(found[name].ok for name in ("versions", "source", "body files"))
    assert all(finding.ok for finding in agreement([report("a"), report("b")]))


def test_a_clock_that_is_off_is_named():
    (clock,) = (f for f in agreement([report("a"), report("b", clock_off_s=-90.0)]) if f.name == "clock")
    assert (clock.ok, clock.detail) == (False, "b is -90.0 s off")


def test_a_node_that_did_not_answer_does_not_count_as_different():
    silent = NodeReport("b", (Finding("answers", False, "does not answer within 1 s", "See"),))
    assert all(finding.ok for finding in agreement([report("a"), silent]))


EXAMINE = """
import json
from share_dist.ops.examine import examine_cluster
reports = examine_cluster("auto", deadline_s=8.0)
print(json.dumps([[report.name, finding.name, finding.detail] for report in reports for finding in report.findings]))
"""


@pytest.mark.proof
@pytest.mark.slow
def test_a_node_whose_process_hangs_is_named_after_the_deadline(bare_head):
    def hang():
        while not (found := bare_head.head.processes("ray::Examiner")):
            time.sleep(0.01)
        os.kill(found[0], signal.SIGSTOP)

    threading.Thread(target=hang, daemon=True).start()
    head = bare_head.head
    assert bare_head.python(EXAMINE) == [[f"{head.name} ({head.address})", "answers", "does not answer within 8 s"]]


@pytest.mark.slow
def test_every_node_of_a_cluster_is_asked_and_a_body_that_only_one_has_is_red(cluster, network, shared_bucket, figure):
    odd = network.node(2)
    (odd.disk / "smpl").mkdir()
    np.savez(odd.disk / "smpl/SMPL_NEUTRAL.npz", **smpl_arrays(figure))
    place = f"{shared_bucket.uri}/runs/x"
    done = cluster.share_dist("doctor", "--out", place, "--body-folder", "/tmp/smpl", timeout_s=280)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    for name in ("storage", "ray", "token", "training", "node agent"):
        assert any(re.match(rf"ok   {name} +all 4 nodes ", line) for line in lines), done.stdout
    for name in ("versions", "source", "clock"):
        assert any(re.match(rf"ok   {name} +between nodes ", line) for line in lines), done.stdout
    assert f"{place} can be listed, written, written on conditions" in done.stdout
    (red,) = [number for number, line in enumerate(lines) if line.startswith("BAD  body files")]
    assert f"{odd.name} ({odd.address}) has body smpl-neutral" in lines[red]
    assert lines[red + 1].strip() == "-> Copy the same SMPL files to body.folder on every node."
