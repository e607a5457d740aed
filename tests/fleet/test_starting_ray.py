"""Ray starts here, on loopback and behind its owner's token; or what is wrong is named, before it is tried."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time

import psutil
import pytest

from share_dist import errors
from share_dist.fleet import FleetConfig, check, connect
from share_dist.fleet.preflight import LONGEST_SOCKET, SOCKET, free_space, temporary_folder
from share_dist.fleet.reach import given_address
from share_dist.storage import FolderStore

MISSING = "/proc/nothing"
"""Nobody can make this, not even root."""
TOO_LONG = "/tmp/" + "x" * 90
VARIABLES = ("RAY_ADDRESS", "RAY_TMPDIR", "TMPDIR", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("RAY_TMPDIR", MISSING, "which does not exist and cannot be made"),
        ("RAY_TMPDIR", "relative/folder", "which is no full path"),
        ("RAY_TMPDIR", "/etc/passwd", "which is no folder"),
        ("RAY_TMPDIR", "/tmp/it's", "which has signs that Ray cannot pass on"),
        ("RAY_TMPDIR", "/tmp/für", "which has signs that Ray cannot pass on"),
        ("RAY_TMPDIR", TOO_LONG, "which is too long for a socket"),
        ("TMPDIR", MISSING, "which does not exist and cannot be made"),
        ("RAY_AUTH_TOKEN_PATH", MISSING, "which does not exist"),
        ("RAY_AUTH_TOKEN_PATH", "/dev/null", "which is no file"),
        ("RAY_AUTH_TOKEN_PATH", "/tmp", "which is no file"),
        ("RAY_AUTH_TOKEN_PATH", "/bin/true", "which (holds other signs|is no file of a token)"),
        ("RAY_AUTH_MODE", "tokn", "which Ray does not know"),
    ],
)
def test_what_keeps_ray_from_starting_is_named_at_once_and_red_in_the_doctor(monkeypatch, name, value, said):
    monkeypatch.setenv(name, value)
    started = time.monotonic()
    with pytest.raises(errors.BadSetting, match=f"{name} is '?{re.escape(value)}'?, {said}") as refused:
        connect(FleetConfig())
    assert time.monotonic() - started < 1.0
    assert refused.value.exit_status == 2, "submit repeats what lost workers end with, and must not repeat this"
    (red,) = [finding for finding in check() if not finding.ok and finding.name != "shared memory"]
    assert red.detail in str(refused.value)
    assert red.remedy in str(refused.value)


def test_the_longest_folder_that_holds_a_socket_is_taken_and_not_one_byte_more(monkeypatch, tmp_path):
    room = LONGEST_SOCKET - len(SOCKET) - 1
    for length, ok in ((room, True), (room + 1, False)):
        monkeypatch.setenv("RAY_TMPDIR", "/tmp/" + "y" * (length - len("/tmp/")))
        (finding,) = [finding for finding in check() if finding.name == "Ray's folder"]
        assert finding.ok is ok


def test_a_folder_below_one_that_may_not_be_entered_is_named(monkeypatch):
    closed = tempfile.mkdtemp(dir="/tmp")
    os.chmod(closed, 0)
    monkeypatch.setenv("RAY_TMPDIR", f"{closed}/below/it")
    user = os.geteuid()
    os.seteuid(user or 65534)
    try:
        (red,) = [finding for finding in (temporary_folder(), free_space()) if not finding.ok]
    finally:
        os.seteuid(user)
        os.rmdir(closed)
    assert f"cannot be made ({closed}: Permission denied)" in red.detail


def test_a_full_disk_is_named_with_what_is_left(monkeypatch, mounted):
    short = tempfile.mkdtemp(dir="/tmp")  # a test's own folder is too deep for sockets
    os.rmdir(short)
    os.symlink(mounted("size=2m"), short)
    monkeypatch.setenv("RAY_TMPDIR", short)
    with pytest.raises(
        errors.StorageFull, match=rf"RAY_TMPDIR is '{short}', which has 2 MB free(.|\n)*Free some space"
    ):
        connect(FleetConfig())
    os.unlink(short)


def test_an_address_left_over_in_the_environment_is_named(monkeypatch):
    for value, said in (("127.0.0.1:9", "no Ray cluster answers at 127.0.0.1:9"), ("garbage", "no address of a head")):
        monkeypatch.setenv("RAY_ADDRESS", value)
        with pytest.raises(errors.ShareDistError, match=f"{said}(.|\n)*RAY_ADDRESS is {value}(.|\n)*unset RAY_ADDRESS"):
            connect(FleetConfig())
    with pytest.raises(errors.NoCluster) as own:
        connect(FleetConfig(address="127.0.0.1:9"))
    assert "RAY_ADDRESS is" not in str(own.value)


def test_local_means_a_ray_of_this_machine(monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "local")
    assert given_address(None) is None
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert given_address("local") is None
    assert given_address(None) == "10.0.0.1:6379"


@pytest.mark.slow
def test_the_token_is_its_owners_from_the_first_byte_and_one_for_all_who_ask_at_once(monkeypatch, tmp_path):
    source = (
        "import os, sys; os.umask(0)\n"
        "from share_dist.fleet.token import ensure_token\n"
        "sys.addaudithook(lambda event, words: event == 'os.chmod' and os._exit(9))\n"
        "for _ in range(8):\n"
        "    if os.fork() == 0:\n"
        "        ensure_token(); os._exit(0)\n"
        "sys.exit(max(os.waitstatus_to_exitcode(os.wait()[1]) for _ in range(8)))\n"
    )
    env = {**os.environ, "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", source], env=env, capture_output=True, text=True)
    assert done.returncode == 0, "it was made readable for others, and corrected later" + done.stderr
    (token,) = (tmp_path / ".ray").iterdir()
    assert oct(token.stat().st_mode & 0o777) == "0o600"
    assert re.fullmatch("[0-9a-f]{64}", token.read_text())


def test_a_token_that_others_could_read_is_closed_also_when_ray_does_not_start(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RAY_TMPDIR", MISSING)
    token = tmp_path / ".ray" / "auth_token"
    token.parent.mkdir()
    token.write_text("0" * 64)
    token.chmod(0o644)
    with pytest.raises(errors.BadSetting, match="Ray cannot start on this machine"):
        connect(FleetConfig())
    assert oct(token.stat().st_mode & 0o777) == "0o600"
    assert token.read_text() == "0" * 64


def as_nobody(source, *unset, **env):
    """Run Python as an account without a passwd entry, which may read everything and write where all may."""
    if os.geteuid() != 0:
        pytest.skip("this root may not mount: becoming another account needs root")
    may = ("--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search")
    kept = {name: value for name, value in os.environ.items() if name not in (*unset, *VARIABLES)}
    line = ["setpriv", "--reuid", "54321", "--regid", "54321", "--clear-groups", *may, sys.executable, "-c", source]
    return subprocess.run(line, env={**kept, **env}, capture_output=True, text=True, timeout=120)


START = """
import json, os, ray
from share_dist.fleet import FleetConfig, check, connect
red = {finding.name: finding.detail for finding in check() if not finding.ok}
connect(FleetConfig(cpus=1, object_store_mb=80))
print(json.dumps([red, ray.cluster_resources()["CPU"], os.path.exists(os.path.expanduser("~/.ray"))]))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("unset", "env"),
    [((), {"HOME": "/proc/nothing"}), pytest.param(("HOME",), {}, marks=pytest.mark.proof)],
    ids=["missing", "unset"],
)
def test_an_account_without_a_home_runs_with_a_token_in_memory_and_the_doctor_says_so(tmp_path, unset, env):
    kernels = tmp_path / "kernels"
    kernels.mkdir()
    kernels.chmod(0o777)
    done = as_nobody(START, *unset, **env, NUMBA_CACHE_DIR=str(kernels))
    assert done.returncode == 0, done.stderr
    red, cpus, kept = json.loads(done.stdout.splitlines()[-1])
    assert red["home"].startswith("HOME is")
    assert (cpus, kept) == (1.0, False)


@pytest.mark.slow
def test_an_account_that_may_have_too_few_threads_is_told_before_ray_aborts(tmp_path):
    source = (
        "import resource\nfrom share_dist.fleet import preflight\n"
        "resource.setrlimit(resource.RLIMIT_NPROC, (100, 100))\npreflight.require_machine()"
    )
    done = as_nobody(source, HOME=str(tmp_path), NUMBA_CACHE_DIR=str(tmp_path))
    assert "BadSetting: Ray cannot start on this machine: this account may have 100 threads (ulimit -u)" in done.stderr


def listening(process):
    """The TCP sockets on which a process and those that it started listen: address and port."""
    everyone = [process, *process.children(recursive=True)]
    found = [connection for each in everyone for connection in each.net_connections("tcp")]
    return {connection.laddr for connection in found if connection.status == psutil.CONN_LISTEN}


@pytest.mark.slow
def test_a_ray_of_this_machine_listens_on_loopback_alone(fleet, plan, tmp_path):
    """Neighbours of the machine's network find no open port, whatever the token does."""
    fleet.write_shards(plan, 256, FolderStore(tmp_path))
    found = listening(psutil.Process())
    assert len(found) >= 8, "Ray's processes were looked at"
    assert {address.ip.removeprefix("::ffff:") for address in found} == {"127.0.0.1"}


@pytest.mark.slow
def test_its_agent_leaves_the_usual_port_to_others(fleet):
    assert 52365 not in {address.port for address in listening(psutil.Process())}


@pytest.mark.slow
def test_it_can_be_asked_from_another_process(fleet):
    line = [sys.executable, "-m", "share_dist.cli", "explain"]
    env = {**os.environ, "RAY_AUTH_MODE": "token"}
    done = subprocess.run(line, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode in (0, 1), done.stderr
    assert "no Ray cluster answers" not in done.stdout
