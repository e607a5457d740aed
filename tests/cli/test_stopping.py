"""A command that is asked to end does so as after Ctrl-C, whoever asks: systemd, Docker, a closed terminal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

ASLEEP = """
import sys, time
from share_dist.cli import main
from share_dist.cli.commands import COMMANDS

def sleep(words):
    try:
        print("begun", flush=True)
        time.sleep(60)
    finally:
        print("ending", flush=True)
        time.sleep(float(words[0]))
        print("ended", flush=True)

COMMANDS["train"] = sleep
sys.exit(main(["train", sys.argv[1]]))
"""


class Command:
    """A command line in a process of its own, and what it printed."""

    def __init__(self, *words, **options):
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
        self.said = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        assert self.process.stdout
        for line in self.process.stdout:
            self.said += line

    def until(self, words, patience_s=90.0):
        deadline = time.monotonic() + patience_s
        while words not in self.said:
            assert time.monotonic() < deadline, f"{words!r} not in {self.said}"
            assert self.process.poll() is None, self.said
            time.sleep(0.02)

    def ends(self, patience_s=60.0):
        status = self.process.wait(timeout=patience_s)
        self._reader.join(timeout=10)
        return status


def asleep(ending_s=0.0, **options):
    command = Command(sys.executable, "-c", ASLEEP, str(ending_s), **options)
    command.until("begun")
    return command


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=lambda n: str(int(n))
)
def test_each_signal_ends_a_command_in_order_with_its_own_status(number, status):
    command = asleep()
    command.process.send_signal(number)
    assert command.ends() == status
    assert command.said.splitlines() == [
        "begun",
        "ending",
        "ended",
        "",
        "Stopped. Run the same command again to go on from here.",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_does_not_break_off_the_ending(second):
    command = asleep(ending_s=0.5)
    command.process.send_signal(signal.SIGTERM)
    command.until("ending")
    command.process.send_signal(second)
    assert command.ends() == 143
    assert "ended" in command.said
    assert "Traceback" not in command.said


@pytest.mark.slow
def test_an_ending_that_hangs_is_broken_off_with_the_same_status():
    """As when systemd ended Ray's processes at the same moment, and Ray waits for them."""
    command = Command(sys.executable, "-c", "import share_dist.cli.stopping as s; s.LONGEST_S = 0.5" + ASLEEP, "60")
    command.until("begun")
    command.process.send_signal(signal.SIGTERM)
    assert command.ends(patience_s=20) == 143
    assert "ended" not in command.said


@pytest.mark.slow
def test_a_command_under_nohup_outlives_its_terminal():
    command = asleep(preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    command.process.send_signal(signal.SIGHUP)
    time.sleep(0.3)
    assert command.process.poll() is None
    command.process.send_signal(signal.SIGTERM)
    assert command.ends() == 143


def of_session(process):
    """The processes that a command started, those of Ray among them."""
    import psutil

    return psutil.Process(process.pid).children(recursive=True)


def a_training(out):
    """A short base training of a process of its own: the command line and its environment."""
    line = [sys.executable, "-m", "share_dist.cli", "train", "smoke", "--out", str(out)]
    return [*line, "--learning.fresh-views", "256"], {**os.environ, "RAY_worker_niceness": "0"}


def stop_when_there_is(process, line, env):
    """Start a command, send it SIGTERM as soon as it has a process of that name, and require an orderly end."""
    command = Command(*line, env=env)
    wait_for(lambda: any(process in name(child) for child in of_session(command.process)), 120)
    children = of_session(command.process)
    command.process.terminate()
    assert command.ends() == 143, command.said
    assert "Stopped. Run the same command again" in command.said
    assert not {"Traceback", "SIGTERM", "*** "} & set(command.said.split()), command.said
    wait_for(lambda: not [child for child in children if child.is_running() and name(child)])


@pytest.mark.slow
def test_a_training_that_gets_sigterm_ends_with_its_ray_and_prints_no_stack(tmp_path):
    stop_when_there_is("RayTrainWorker", *a_training(tmp_path / "run"))


@pytest.mark.proof
@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_run_that_gets_sigterm_anywhere_ends_with_its_ray_and_the_same_command_goes_on(tmp_path):
    """While Ray starts, while it renders and while it trains; no stack is printed, and the run is whole at last."""
    line, env = a_training(tmp_path / "run")
    for process in ("gcs_server", "ray::RenderActor", "RayTrainWorker"):
        stop_when_there_is(process, line, env)
    command = Command(*line, env=env)
    assert command.ends(200) == 0, command.said
    assert "infinite retries" not in command.said
    assert (tmp_path / "run/model.safetensors").is_file()


def name(process):
    """The process's command line; empty when it is gone."""
    import psutil

    try:
        return " ".join(process.cmdline()) if process.status() != psutil.STATUS_ZOMBIE else ""
    except psutil.Error:
        return ""


def wait_for(is_so, patience_s=30.0):
    deadline = time.monotonic() + patience_s
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)
