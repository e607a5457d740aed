"""Submission: one line is one run on the cluster, whatever dies; typed again it follows that run or goes on with it."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ray.job_submission import JobDetails, JobStatus

from share_dist import errors
from share_dist.fleet.reach import AGENT_REMEDY
from share_dist.ops.jobs import JobsServer, died_with_the_machine, has_ended
from share_dist.ops.upload import EXCLUDES, Upload, look_through

log = logging.getLogger("share_dist")

POLL_S = 2.0
"""Seconds between two looks at a job; its own log has at most a line every ten."""
_NO_AGENT = "No available agent"
"""In Ray's answer when no node has an agent that starts jobs."""
_STOPPED = 130
"""What a shell calls the end of a command that was stopped by its user."""


@dataclass(frozen=True, kw_only=True)
class SubmitConfig:
    """Where a run is submitted, and how long we hold on to it."""

    address: str | None = None
    """The dashboard as http://host:8265, or the head as host:port. None takes RAY_API_SERVER_ADDRESS, RAY_ADDRESS,
    or this machine's port 8265, where `ray dashboard` forwards a cluster's."""

    wait: bool = True
    """Follow the job's log to its end and end as it ends. Without, return once it is submitted."""

    retries: int = 3
    """Times that a job is submitted again because its driver was killed, its node died or the head forgot it. A command
    that ended by itself would do so again, and is not repeated."""

    patience_s: float = 900.0
    """How long a head that does not answer is waited for; a new one on a cloud takes some minutes."""

    working_dir: Path = Path(".")
    """The folder that is sent and in which the job runs: the project's own, with `jobs/` in it."""

    def __post_init__(self) -> None:
        errors.require_numbers(self, "--")
        errors.require_positive(self.patience_s, "--patience-s")
        if self.retries < 0:
            raise errors.BadSetting(f"--retries is {self.retries}, but it is a number of times: 0 or more.")
        errors.require_ranges(self, "--", retries=(0, 1000), patience_s=(0.0, 1e7))


@dataclass(frozen=True, slots=True)
class Submission:
    """One run: its readable name, and the command line that runs it in the working folder."""

    name: str
    words: tuple[str, ...]
    identity: str
    """What makes it the same run: its settings and its place."""

    files: tuple[str, ...] = ()
    """What the command reads of the folder that is sent, besides its script."""

    @staticmethod
    def of(command: str, words: Sequence[str], identity: str, files: Sequence[str] = ()) -> Submission:
        """Name a run after its command, its recipe and eight digits of what identifies it."""
        recipe = [word for word in words[:1] if not word.startswith("-")]
        digits = hashlib.sha256(identity.encode()).hexdigest()[:8]
        name = re.sub(r"[^A-Za-z0-9_-]+", "-", "-".join([command, *recipe, digits]))
        return Submission(name, ("python", f"jobs/{command}.py", *words), identity, tuple(files))

    @property
    def entrypoint(self) -> str:
        """The shell line of the job."""
        return shlex.join(self.words)


def submit(submission: Submission, config: SubmitConfig, say: Callable[[str], None] = print) -> int:
    """Submit a run, or find it running, and follow it to its end.

    Returns:
        The exit status of the run's command; 0 without `wait`; 130 when somebody stopped the job.

    Raises:
        errors.BadSetting: the folder cannot be sent, or has no such job, or the cluster's head cannot start jobs.
        errors.NoCluster, errors.WrongToken: the Jobs server cannot be used, or was away for too long.
        errors.JobLost: the job was killed, or could not be started, more often than `retries`.
    """
    upload = look_through(config.working_dir)
    if submission.words[1] not in upload.sizes:
        raise errors.BadSetting(
            f"{upload.folder} has no {submission.words[1]} to run.\n"
            "  Submit from the project's own folder, or name it with --working-dir."
        )
    for file in submission.files:
        if os.path.normpath(file) not in upload.sizes:
            raise errors.BadSetting(
                f"{file} is not sent with {upload.folder}, where the job would look for it.\n"
                "  Put it there, outside the folders that are left out such as runs/, and name it from there."
            )
    jobs = JobsServer(config.address)
    for _ in range(config.retries + 1):
        number = _running_or_new(jobs, submission, upload, say)
        job_id = f"{submission.name}-{number}"
        if not config.wait:
            say(f"{job_id} runs; the same line without --no-wait follows it, `ray job stop {job_id}` ends it")
            return 0
        job = follow(jobs, job_id, config.patience_s, say)
        status = exit_status(job)
        if status is not None:
            return status
        say(f"{job_id} was lost: {_reason(job)}")
    raise errors.JobLost(
        f"{job_id} was lost, and {config.retries} submissions before it.\n"
        f"  See `ray job logs {job_id}` and `share-dist explain`; the same line goes on from what is stored."
    )


def _running_or_new(jobs: JobsServer, submission: Submission, upload: Upload, say: Callable[[str], None]) -> int:
    """Return the number of the run's job that still runs, or of a new one."""
    known = jobs.attempts(submission.name)
    running = [number for number, job in known.items() if not has_ended(job)]
    if running:
        say(f"{submission.name}-{max(running)} still runs; following it")
        return max(running)
    number = max(known, default=0) + 1
    say(f"{submission.name}-{number}: sending {upload}")
    _send(jobs, submission, f"{submission.name}-{number}", upload)
    return number


def _send(jobs: JobsServer, submission: Submission, job_id: str, upload: Upload) -> None:
    try:
        jobs.submit_job(
            entrypoint=submission.entrypoint,
            submission_id=job_id,
            runtime_env={"working_dir": str(upload.folder), "excludes": EXCLUDES},
            metadata={"job_name": submission.name},
        )
    except RuntimeError as error:
        # The answer to a request that arrived may be lost, and somebody else may have typed the same line.
        if jobs.find(job_id) is None:
            if _NO_AGENT in str(error):
                raise errors.BadSetting(
                    f"the cluster at {jobs.address} takes no jobs: the dashboard agent of its head does not answer.\n"
                    f"  {AGENT_REMEDY}"
                ) from error
            raise errors.JobLost(
                f"the Jobs server at {jobs.address} did not take {job_id}: {error}\n"
                "  See the head's logs/dashboard.log; then run the same line again."
            ) from error


def follow(jobs: JobsServer, job_id: str, patience_s: float, say: Callable[[str], None]) -> JobDetails | None:
    """Print what a job prints until it ends, through absences of the head.

    Returns:
        How it ended; None when the head no longer knows it.

    Raises:
        errors.NoCluster: the head was away for longer than `patience_s`.
        errors.WrongToken: the head came back with another token.
    """
    printed, silent_since = 0, None
    while True:
        try:
            job = jobs.find(job_id)
            printed = _print_new(jobs, job, printed, say)
            if job is None or has_ended(job):
                return job
            if silent_since is not None:
                say(f"{job_id} goes on: the head answers again")
            silent_since = None
        except errors.NoCluster as error:
            if silent_since is None:
                silent_since = time.monotonic()
                say(f"{str(error).splitlines()[0]} waiting up to {patience_s:g} s for it")
            if time.monotonic() - silent_since > patience_s:
                raise
        time.sleep(POLL_S)


def _print_new(jobs: JobsServer, job: JobDetails | None, printed: int, say: Callable[[str], None]) -> int:
    """Print the log's whole lines after its first `printed` characters; return how many are printed now."""
    if job is None or not job.submission_id or JobStatus(job.status) == JobStatus.PENDING:
        return printed
    try:
        text = jobs.get_job_logs(job.submission_id)
    except RuntimeError:
        return printed  # its node died, and the log with it
    end = len(text) if has_ended(job) else text.rfind("\n") + 1
    if end > printed:
        say(text[printed:end].rstrip("\n"))
    return max(end, printed)


def exit_status(job: JobDetails | None) -> int | None:
    """Return the exit status that a job's end means for whoever waits; None when it was lost and may be repeated."""
    if job is None or died_with_the_machine(job):
        return None
    if JobStatus(job.status) == JobStatus.SUCCEEDED:
        return 0
    if JobStatus(job.status) == JobStatus.STOPPED:
        return _STOPPED
    if job.driver_exit_code is None:
        raise errors.JobLost(
            f"{job.submission_id} could not start: {job.message}\n"
            "  The head's logs/runtime_env_setup-*.log says more; then run the same line again."
        )
    # The run gave up because of what it lost; the cluster may have found it again.
    return None if job.driver_exit_code == errors.WorkersLost.exit_status else job.driver_exit_code


def _reason(job: JobDetails | None) -> str:
    if job is None:
        return "the head no longer knows it, so it was started anew"
    return (job.message or job.error_type or "no reason is known").splitlines()[0]
