"""One line is one run: shown before it is sent, followed to its end, carried on when its driver or its head dies."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from ray.dashboard.modules.job.pydantic_models import JobDetails, JobType
from ray.job_submission import JobStatus

from share_dist import errors
from share_dist.cli import main
from share_dist.ops.jobs import JobsServer
from share_dist.ops.submit import Submission, exit_status
from share_dist.ops.upload import MOST_MB, look_through
from share_dist.studies.ray_nodes import DASHBOARD_PORT

ROOT = Path(__file__).resolve().parents[2]
SECRETS = [".env", ".git/HEAD", "runs/a/model.safetensors", "results/table.md", ".venv/bin/python", "id_rsa", "my.pem"]
BODIES = [
    *("basicmodel_m_lbs_10_207_0_v1.1.0.pkl", "body/SMPL_NEUTRAL.npz", "body/SMPL_MALE.pkl", "shapes.pkl"),
    *("Smpl_Neutral.PKL", "smpl_neutral.npz", "body_models/SMPL/neutral/model.npz", "SMPL_python_v.1.1.0.zip"),
]
NEEDED = ["jobs/probe.py", "share_dist/data/shards.py", "share_dist/body/figure.npz", "README.md"]


def fill(folder, names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")


def test_keys_bodies_results_and_ignored_files_are_not_sent(tmp_path):
    fill(tmp_path, [*SECRETS, *BODIES, *NEEDED, "notes.txt", "deep/big.bin"])
    (tmp_path / ".gitignore").write_text("notes.txt\n")
    (tmp_path / ".rayignore").write_text("deep/\n")
    assert set(look_through(tmp_path).sizes) == {*NEEDED, ".gitignore", ".rayignore"}


def test_this_project_is_small_enough_to_be_sent_and_has_what_a_job_needs():
    upload = look_through(ROOT)
    assert {"jobs/share.py", "share_dist/cli/main.py", "share_dist/models/compact_hmr.safetensors"} <= set(upload.sizes)
    assert not [name for name in upload.sizes if name.startswith((".git/", ".venv", "results/", "runs/"))]
    assert upload.megabytes < MOST_MB / 2


def test_a_folder_too_large_is_refused_naming_the_largest_file(tmp_path):
    fill(tmp_path, NEEDED)
    with open(tmp_path / "film.mp4", "wb") as file:
        file.truncate(int(1.2e8))
    with pytest.raises(errors.BadSetting, match=r"120\.0 MB.*at most 100 MB.*film\.mp4 \(120\.0 MB\)"):
        look_through(tmp_path)


def test_a_run_is_named_by_command_recipe_and_what_identifies_it():
    named = [Submission.of("share", ["demo", "--seed", "1"], identity).name for identity in ("a", "a", "b")]
    assert named[0] == named[1] != named[2]
    assert all(re.fullmatch(r"share-demo-[0-9a-f]{8}", name) for name in named)


@pytest.mark.parametrize(("code", "status"), [(0, 0), (1, 1), (2, 2), (3, 3), (errors.WorkersLost.exit_status, None)])
def test_a_run_that_gave_up_for_want_of_workers_may_be_repeated_and_a_users_error_may_not(code, status):
    job = JobDetails(type=JobType.SUBMISSION, entrypoint="x", status=JobStatus.FAILED, driver_exit_code=code)
    assert exit_status(job) == status


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "needs a command"),
        (["shar", "demo"], "did you mean 'share'?"),
        (["share", "dmeo", "--out", "s3://b/x"], "did you mean 'demo'?"),
        (["share", "demo"], "thrown away when it ends"),
        (["share", "demo", "--out", "runs/x"], "Give a bucket, --out s3://bucket"),
        (["share", "demo", "--out", "s3://b/x", "--retries", "-1"], "retries is -1"),
    ],
)
def test_a_wrong_line_is_refused_here_and_not_by_the_job(capsys, words, said):
    try:
        status = main(["submit", *words])
    except SystemExit as stop:  # the parser's own way of refusing
        status = stop.code
    assert status == 2
    assert said in " ".join(capsys.readouterr().err.split())


def test_a_head_that_is_gone_is_named(capsys):
    line = [
        "submit",
        "share",
        "demo",
        "--out",
        "s3://b/x",
        "--address",
        "http://127.0.0.1:9",
        "--working-dir",
        str(ROOT),
    ]
    assert main(line) == 2
    said = capsys.readouterr().err
    assert "the Jobs server at http://127.0.0.1:9 does not answer" in said
    assert "ray dashboard CLUSTER.yaml" in said


@pytest.mark.parametrize(
    "address", ["http://h:abc", "http://127.0.0.1:70000", "http://[::1", "http://", "http://a..b:1"]
)
def test_an_address_of_no_dashboard_is_refused_with_the_variable_it_came_from(monkeypatch, address):
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", address)
    with pytest.raises(errors.ShareDistError, match="unset RAY_API_SERVER_ADDRESS") as refused:
        JobsServer()
    assert refused.value.exit_status == 2


@pytest.mark.parametrize("command", ["submit", "explain", "doctor", "node-agent"])
def test_help_answers_for_those_who_run_a_cluster(capsys, command):
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    assert "address" in capsys.readouterr().out


PROBE = """
import os, sys, time
mode, place = sys.argv[1:3]
sent = sorted(os.path.join(at, name)[2:] for at, _, names in os.walk(".") for name in names)
print("sent", sent, flush=True)
with open(place, "a") as file:
    file.write("x")
if mode == "long" and os.path.getsize(place) == 1:
    time.sleep(600)
sys.exit(int(mode) if mode.isdigit() else 0)
"""


@pytest.fixture
def project(tmp_path):
    """A working folder with a job of ours and a job's work: how often it began stands in `began`."""
    fill(tmp_path / "project", [*SECRETS, *NEEDED])
    (tmp_path / "project/jobs/probe.py").write_text(PROBE)
    return tmp_path / "project"


class Typed:
    """A submission as typed at a terminal, in a process of its own."""

    def __init__(self, project, *words, env=None):
        source = (
            "import sys; from share_dist.ops.submit import *; from pathlib import Path\n"
            "words = sys.argv[3:]; config = SubmitConfig(working_dir=Path(sys.argv[1]), wait=sys.argv[2] != 'no')\n"
            "say = lambda text: print(text, flush=True)\n"
            "sys.exit(submit(Submission.of('probe', words, ' '.join(words)), config, say))"
        )
        wait, *words = words if words[0] == "no" else ("yes", *words)
        self.process = subprocess.Popen(
            [sys.executable, "-c", source, str(project), wait, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **(env or {})},
        )
        self.lines: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line)

    @property
    def said(self) -> str:
        return "".join(self.lines)

    def until(self, words, patience_s=90.0):
        deadline = time.monotonic() + patience_s
        while words not in self.said:
            assert time.monotonic() < deadline, f"{words!r} not in {self.said}"
            assert self.process.poll() is None or words in self.said, self.said
            time.sleep(0.05)

    def ends(self, patience_s=120.0) -> int:
        status = self.process.wait(timeout=patience_s)
        time.sleep(0.1)
        return status


@pytest.mark.slow
def test_a_job_finds_what_was_shown_and_ends_the_line_with_its_own_status(its_jobs, project):
    line = Typed(project, "3", "/tmp/began-3")
    assert line.ends() == 3
    upload = look_through(project)
    assert f"sending {len(upload.sizes)} files, 0.0 MB" in line.said
    assert f"sent {sorted(upload.sizes)}" in line.said
    again = Typed(project, "3", "/tmp/began-3")
    assert again.ends() == 3
    numbers = [re.findall(r"probe-3-[0-9a-f]{8}-(\d+): sending", typed.said) for typed in (line, again)]
    assert numbers == [["1"], ["2"]], "an error of the command's own is repeated only by its user"


@pytest.mark.slow
def test_the_same_line_follows_a_running_job_and_goes_on_when_its_driver_is_killed(its_jobs, cluster, project):
    first = Typed(project, "no", "long", "/tmp/began-long")
    assert first.ends() == 0
    (job_id,) = re.findall(r"(probe-long-[0-9a-f]{8}-1) runs", first.said)
    second = Typed(project, "long", "/tmp/began-long")
    second.until(f"{job_id} still runs; following it")
    second.until("sent [")
    for process in cluster.head.processes("jobs/probe.py long"):
        os.kill(process, signal.SIGKILL)
    assert second.ends() == 0
    assert f"{job_id} was lost" in second.said
    assert (cluster.head.disk / "began-long").read_text() == "xx", "it ran twice, and never at the same time"


@pytest.mark.slow
def test_a_run_survives_the_death_of_its_head(bare_head, project, its_jobs):
    head = bare_head.head
    address = f"http://{head.address}:{DASHBOARD_PORT}"
    env = {"RAY_API_SERVER_ADDRESS": address, "RAY_AUTH_TOKEN": bare_head.env["RAY_AUTH_TOKEN"]}
    line = Typed(project, "long", "/tmp/began-head", env=env)
    line.until("sent [")
    head.power_off()
    line.until("waiting up to 900 s")
    head.power_on()
    bare_head.start()
    assert line.ends() == 0
    assert "the head no longer knows it" in line.said
    assert (head.disk / "began-head").read_text() == "xx"


@pytest.mark.proof
@pytest.mark.slow
def test_a_head_whose_agent_found_its_port_taken_is_named(head_without_agent, project, its_jobs):
    """Two Rays on one machine: the second one's agent does without its server, and Ray's answer is to try later."""
    second = head_without_agent
    address = f"http://{second.head.address}:{DASHBOARD_PORT}"
    env = {"RAY_API_SERVER_ADDRESS": address, "RAY_AUTH_TOKEN": second.env["RAY_AUTH_TOKEN"]}
    line = Typed(project, "0", "/tmp/began-second", env=env)
    assert line.ends() == 1, "a traceback, for this line has no command line around it"
    assert "BadSetting: the cluster at http://" in line.said
    assert "--dashboard-agent-listen-port=52366" in line.said


@pytest.mark.proof
@pytest.mark.slow
def test_the_doctor_names_a_head_whose_agent_found_its_port_taken(head_without_agent):
    second = head_without_agent
    doctor = second.share_dist("doctor", timeout_s=280)
    (red,) = re.findall("BAD  dashboard agent.*\\n.*-> (.*)", doctor.stdout)
    assert "--dashboard-agent-listen-port=52366" in red


@pytest.mark.slow
def test_the_readmes_line_runs_on_the_cluster_from_the_folder_that_was_sent(its_jobs, cluster, shared_bucket):
    out = f"{shared_bucket.uri}/views"
    # One renderer, for each node compiles the kernels of the folder that was sent.
    words = ["smoke", "--count", "8", "--render.size-px", "32", "--fleet.render-actors", "1", "--out", out]
    line = [
        Path(sys.executable).parent / "ray",
        "job",
        "submit",
        "--working-dir",
        ".",
        "--",
        "python",
        "jobs/render.py",
    ]
    done = subprocess.run([*line, *words], cwd=ROOT, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"8 views lie under {out}" in done.stdout
