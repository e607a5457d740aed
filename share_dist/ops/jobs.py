"""Ray's Jobs server, asked with deadlines, its refusals told in our words."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import requests
from ray.exceptions import AuthenticationError
from ray.job_submission import JobDetails, JobStatus, JobSubmissionClient

from share_dist import errors
from share_dist.fleet.reach import TOKEN_REMEDY, given_address, naming_origin, reach, require_listener

ANSWER_S = (5.0, 30.0)
"""How long the Jobs server may take to accept a connection, and to answer; Ray's own client would wait for ever."""
_ADDRESS = "RAY_API_SERVER_ADDRESS"


class JobsServer(JobSubmissionClient):
    """The Jobs server of a cluster. Every method may raise errors.NoCluster or errors.WrongToken."""

    def __init__(self, address: str | None = None):
        """Find the server and ask for its version.

        Args:
            address: ``http://host:8265``, or host:port of the head; None takes RAY_API_SERVER_ADDRESS, then
                RAY_ADDRESS, then this machine.
        """
        with naming_origin(address, (_ADDRESS, "RAY_ADDRESS"), "ask this machine's port 8265"):
            self.address = dashboard_address(address)
            with self._in_our_words():
                require_listener(_listener(self.address))
        # Ray lets the variable win over what it is given.
        os.environ[_ADDRESS] = self.address
        with self._in_our_words():
            super().__init__(self.address)

    def _do_request(self, method: str, endpoint: str, **options: Any) -> requests.Response:
        with self._in_our_words():
            return super()._do_request(method, endpoint, **{"timeout": ANSWER_S, **options})

    @contextmanager
    def _in_our_words(self) -> Iterator[None]:
        try:
            yield
        except AuthenticationError as error:
            said = str(error).splitlines()[0]
            raise errors.WrongToken(
                f"the Jobs server at {self.address} does not let us in: {said}\n  {TOKEN_REMEDY}"
            ) from error
        except (errors.NoCluster, ConnectionError, requests.exceptions.RequestException) as error:
            raise errors.NoCluster(
                f"the Jobs server at {self.address} does not answer ({type(error).__name__}).\n"
                "  Open the way to it with `ray dashboard CLUSTER.yaml`, or name another with --address or "
                "RAY_API_SERVER_ADDRESS. If the head died, start the cluster again; then run the same command again."
            ) from error

    def find(self, submission_id: str) -> JobDetails | None:
        """Return what the server knows of a job; None when the head forgot it, as a new head has."""
        answer = self._do_request("GET", f"/api/jobs/{submission_id}")
        if answer.status_code == 404:
            return None
        if answer.status_code != 200:
            self._raise_error(answer)
        return JobDetails(**answer.json())

    def attempts(self, name: str) -> dict[int, JobDetails]:
        """Return the jobs whose ids are `name`-1, `name`-2, …, by number."""
        found = {}
        for job in self.list_jobs():
            stem, _, number = (job.submission_id or "").rpartition("-")
            if stem == name and number.isdigit():
                found[int(number)] = job
        return found


def dashboard_address(address: str | None) -> str:
    """Return the http address of a cluster's dashboard, which serves the jobs too."""
    address = given_address(address or os.environ.get(_ADDRESS)) or "http://127.0.0.1:8265"
    if address.startswith(("http://", "https://")):
        return address.rstrip("/")
    # Only for someone inside the cluster's network: the head knows where its dashboard listens.
    from ray._private.ray_constants import DASHBOARD_ADDRESS
    from ray._private.ray_constants import KV_NAMESPACE_DASHBOARD as NAMESPACE

    found = reach(address).internal_kv_get(DASHBOARD_ADDRESS.encode(), NAMESPACE)
    if not found:
        raise errors.NoCluster(
            f"the cluster at {address} runs no dashboard, and so no Jobs server.\n"
            "  Start its head with `ray start --head --include-dashboard=true`."
        )
    return f"http://{found.decode()}"


def _listener(address: str) -> str:
    """Return host:port of an http address."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:  # a port that is no number, or half of an IPv6 address
        host, port = None, None
    if not host:
        raise errors.BadSetting(
            f"'{address}' is no address of a dashboard.\n  Write http://host:port, such as http://10.0.0.1:8265."
        )
    return f"{host}:{port or (443 if address.startswith('https') else 80)}"


def has_ended(job: JobDetails) -> bool:
    """Whether a job ended, however."""
    return JobStatus(job.status).is_terminal()


def died_with_the_machine(job: JobDetails) -> bool:
    """Whether a failed job's driver was killed, or its node died, rather than its command having ended by itself."""
    if (job.error_type or "").startswith("JOB_SUPERVISOR_ACTOR"):
        return True
    code = job.driver_exit_code
    return code is not None and (code < 0 or code >= 128)
