"""A bucket for tests of any room: a real server, the fault proxy, and a place of its own for each test."""

from __future__ import annotations

import uuid

import pytest


@pytest.fixture(scope="session")
def bucket_server():
    """A moto S3 server, started once."""
    from share_dist.studies.bucket import local_bucket

    with local_bucket() as server:
        yield server


@pytest.fixture
def bucket(bucket_server, monkeypatch):
    """The address of an empty place in a bucket, with the environment by which boto finds it.

    Runs that this process opened there are given free afterwards, as its end would.
    """
    from share_dist.storage import claims

    for name, value in bucket_server.environment.items():
        monkeypatch.setenv(name, value)
    yield f"{bucket_server.uri}/{uuid.uuid4().hex}"
    for lease in list(claims._LEASED.values()):
        lease.release()


@pytest.fixture(scope="session")
def bad_network(bucket_server):
    """The fault proxy before the bucket, started once: each new address costs every process another client."""
    from share_dist.studies.bad_s3 import Schedule, bad_s3

    with bad_s3(bucket_server.endpoint, Schedule(seed=0)) as proxy:
        yield proxy


@pytest.fixture
def bad_bucket(bucket, bad_network, monkeypatch):
    """A function of a schedule that puts the fault proxy before the bucket, its faults on, and returns the proxy."""

    def stand_in_front(schedule):
        bad_network.begin(schedule)
        bad_network.on = True
        monkeypatch.setenv("AWS_ENDPOINT_URL", bad_network.endpoint)
        return bad_network

    return stand_in_front


@pytest.fixture
def hurry(monkeypatch):
    """Make every pause between two tries a fiftieth as long: what is tested is that they are made, not how long."""
    import time

    sleep = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: sleep(seconds / 50))
