"""A container's quota counts, not the machine's cores: one core paid for gives one renderer."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from share_dist.fleet.cores import usable_cores

V2 = "30 29 0:26 {root} {point} rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
V1 = "31 29 0:27 {root} {point} rw shared:9 master:1 - cgroup cgroup rw,cpu,cpuacct\n"
OTHER = "22 1 8:1 / / rw - ext4 /dev/vda rw\n33 29 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"


@pytest.fixture(autouse=True)
def many_cores(monkeypatch):
    """A machine of eight cores."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)))


@pytest.fixture
def machine(tmp_path):
    """A kernel's answers: which group this process is in, where groups are mounted, and each group's files."""

    def make(cgroup: str, mount: str, files: dict[str, str], root: str = "/") -> Path:
        point = tmp_path / "groups"
        (tmp_path / "cgroup").write_text(cgroup)
        (tmp_path / "mountinfo").write_text(OTHER + mount.format(root=root, point=point))
        for name, content in files.items():
            (point / name).parent.mkdir(parents=True, exist_ok=True)
            (point / name).write_text(content + "\n")
        return tmp_path

    return make


@pytest.mark.parametrize(
    ("quota", "cores"),
    [("100000 100000", 1), ("150000 100000", 1), ("50000 100000", 1), ("400000 100000", 4), ("1600000 100000", 8)]
    + [("max 100000", 8), ("10000 5000", 2), ("", 8), ("nonsense", 8), ("100000 0", 8)],
)
def test_a_quota_of_version_2_counts(machine, quota, cores):
    assert usable_cores(machine("0::/\n", V2, {"cpu.max": quota})) == cores


@pytest.mark.parametrize(("quota", "cores"), [("100000", 1), ("250000", 2), ("-1", 8), ("20000", 1)])
def test_a_quota_of_version_1_counts(machine, quota, cores):
    files = {"job/cpu.cfs_quota_us": quota, "job/cpu.cfs_period_us": "100000"}
    assert usable_cores(machine("5:memory:/other\n4:cpu,cpuacct:/job\n0::/\n", V1, files)) == cores


def test_the_tightest_of_nested_groups_counts(machine):
    files = {
        "slice/cpu.max": "300000 100000",
        "slice/pod/cpu.max": "max 100000",
        "slice/pod/box/cpu.max": "600000 100000",
    }
    assert usable_cores(machine("0::/slice/pod/box\n", V2, files)) == 3


@pytest.mark.parametrize("root", ["/", "/docker/1234", "/docker/another"])
def test_a_container_that_is_told_the_machines_path_finds_its_quota(machine, root):
    """Docker with version 1 mounts the container's own group, but names it as the machine does."""
    files = {"cpu.cfs_quota_us": "200000", "cpu.cfs_period_us": "100000"}
    assert usable_cores(machine("4:cpu,cpuacct:/docker/1234\n", V1, files, root)) == 2


def test_a_machine_without_groups_has_all_its_cores(tmp_path):
    assert usable_cores(tmp_path) == 8


@pytest.fixture
def one_core() -> Iterator[str]:
    """The file by which a process joins a real group with a quota of one core."""
    group = next(
        (Path(place) for place in ("/sys/fs/cgroup/cpu", "/sys/fs/cgroup") if Path(place, "tasks").exists()), None
    )
    group = (group or Path("/sys/fs/cgroup")) / f"share_dist-test-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error.strerror}")
    try:
        if (group / "cpu.max").exists():
            (group / "cpu.max").write_text("100000 100000")
        elif (group / "cpu.cfs_quota_us").exists():
            (group / "cpu.cfs_quota_us").write_text("100000")
        else:
            pytest.skip("this machine's control groups have no quota of cores")
        yield str(group / "cgroup.procs")
    finally:
        deadline = time.monotonic() + 20  # Ray's processes end after their driver
        while (group / "cgroup.procs").read_text() and time.monotonic() < deadline:
            time.sleep(0.1)
        group.rmdir()


SCRIPT = """
import os, sys
open(sys.argv[1], "w").write(str(os.getpid()))
from share_dist.fleet import Fleet, FleetConfig
with Fleet(FleetConfig()) as fleet:
    print("renderers", fleet.sizes.renderers, "of", len(os.sched_getaffinity(0)))
"""


@pytest.mark.slow
def test_a_quota_of_one_core_gives_one_renderer(one_core):
    done = subprocess.run([sys.executable, "-c", SCRIPT, one_core], capture_output=True, text=True, check=True)
    assert "renderers 1 of" in done.stdout
