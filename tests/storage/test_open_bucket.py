"""A run in a bucket is opened before any work, by one driver at a time, and what stands in the way is said at once."""

from __future__ import annotations

import json
import logging
import os
import pickle
import platform
import signal
import subprocess
import sys
import time

import pytest

from share_dist import errors
from share_dist.storage import check, claims, open_run, open_store
from share_dist.studies.bad_s3 import Schedule

pytestmark = pytest.mark.slow

CONFIG = json.dumps({"seed": 1, "rome": {"explore_share": 0.2}})
QUIET = Schedule(seed=0, share=0.0)

DRIVER = f"""
import signal, sys, time
from share_dist.storage import claims, open_run, taken_over
signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell's background job has it
claims.RENEW_EVERY_S = 0.5
run = open_run(sys.argv[1], '{CONFIG}')
print("open", flush=True)
try:
    sys.stdin.read()
except KeyboardInterrupt:
    print(taken_over(), flush=True)
    try:
        run.overwrite("seconds.json", b"from the dead")
    except Exception as error:
        print(type(error).__name__, flush=True)
"""


@pytest.fixture
def driver(bucket):
    """Another driver at work on the bucket's run, which renews its lease twice a second."""
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVER, bucket], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "open\n"
    yield process
    process.kill()
    process.wait()


def test_settings_are_written_first_and_the_same_settings_continue(bucket):
    store = open_run(bucket, CONFIG)
    assert store.list() == ["config.json"]
    store.write_once("work", b"done")
    assert open_run(bucket, json.dumps(json.loads(CONFIG), indent=2)).exists("work")
    with pytest.raises(errors.OtherRun, match=r"seed: 1 -> 2"):
        open_run(bucket, json.dumps({**json.loads(CONFIG), "seed": 2}))


def test_a_place_that_holds_no_run_is_refused_untouched(bucket):
    open_store(bucket).write_once("holiday.jpg", b"sea")
    with pytest.raises(errors.OtherRun, match=r"holiday\.jpg"):
        open_run(bucket, CONFIG)
    assert open_store(bucket).list() == ["holiday.jpg"]


def test_a_driver_that_is_alive_is_named_and_one_that_was_killed_is_followed(bucket, driver):
    with pytest.raises(errors.OtherRun, match=f"process {driver.pid} on {platform.node()}"):
        open_run(bucket, CONFIG)
    driver.kill()
    driver.wait()
    assert open_run(bucket, CONFIG).list() == ["config.json"]


def test_a_driver_that_ends_leaves_no_lease_to_wait_for(bucket, driver, caplog):
    driver.stdin.close()
    assert driver.wait(timeout=30) == 0
    assert open_store(bucket).list() == ["config.json"]
    with caplog.at_level(logging.INFO):
        open_run(bucket, CONFIG)
    assert "watching" not in caplog.text


def test_a_driver_that_stood_still_finds_its_run_taken_over_and_stops(bucket, driver):
    driver.send_signal(signal.SIGSTOP)
    run = open_run(bucket, CONFIG)
    driver.send_signal(signal.SIGCONT)
    said = driver.stdout.read()
    assert f"was taken over by another driver (process {os.getpid()} on {platform.node()})" in said
    assert said.endswith("OtherRun\n")
    assert run.list() == ["config.json"]


def test_a_renewal_whose_answer_was_lost_is_still_ones_own(bucket, bad_bucket, hurry, monkeypatch):
    monkeypatch.setattr(claims, "RENEW_EVERY_S", 0.05)
    proxy = bad_bucket(Schedule(seed=1, share=0.5, kinds=("lose the answer",)))
    run = open_run(bucket, CONFIG)
    deadline = time.monotonic() + 60
    while proxy.counts["lose the answer"] < 20:
        assert time.monotonic() < deadline
        assert run.exists("config.json")
    assert claims.taken_over() is None


def test_the_lease_does_not_travel_and_a_worker_needs_none(bucket):
    run = open_run(bucket, CONFIG)
    assert pickle.loads(pickle.dumps(run)) == open_store(bucket)


def assert_no_keys_in(text):
    assert not [key for key in ("AKIAONTHISMACHINE", "opens-nothing") if key in text]


def test_keys_stand_nowhere_in_what_is_stored_or_travels(bucket):
    run = open_run(bucket, CONFIG)
    for key in open_store(bucket).list():
        assert_no_keys_in(open_store(bucket).read(key).decode())
    assert_no_keys_in(pickle.dumps(run).decode("latin-1") + repr(run))


def refused(out):
    """What `open_run` says; the doctor says the same fact and the same remedy."""
    with pytest.raises(errors.BucketRefused) as caught:
        open_run(out, CONFIG)
    said = str(caught.value)
    (finding,) = check(out)
    assert not finding.ok
    assert finding.remedy in said
    assert "share-dist" in said.splitlines()[0] or "nowhere" in said.splitlines()[0]
    assert_no_keys_in(said)
    return said


def test_a_bucket_that_works_is_well_and_left_as_it_was(bucket):
    (finding,) = check(bucket)
    assert finding.ok
    assert open_store(bucket).list() == []


@pytest.mark.parametrize(
    ("what", "permission"),
    [
        ("list", "s3:ListBucket"),
        ("put", "s3:PutObject"),
        ("conditional put", "s3:PutObject with If-None-Match"),
        ("get", "s3:GetObject"),
        ("delete", "s3:DeleteObject"),
    ],
)
def test_a_missing_permission_is_named_with_what_to_allow_it_on(bucket, bad_bucket, what, permission):
    bad_bucket(QUIET).denied.add(what)
    said = refused(bucket)
    assert f"does not allow {permission} (AccessDenied)" in said
    assert f"Allow {permission} on arn:aws:s3:::share-dist" in said


def test_a_bucket_of_another_region_is_told_by_name(bucket, bad_bucket, hurry):
    bad_bucket(QUIET).always = "other region"
    assert "Set AWS_REGION=eu-west-1" in refused(bucket)


def test_a_wrong_clock_is_told_with_how_wrong_it_is(bucket, bad_bucket, hurry):
    bad_bucket(QUIET).always = "clock"
    said = refused(bucket)
    assert "this machine's clock is wrong by " in said
    assert "chronyc" in said


@pytest.mark.parametrize("fault", ["drop", "503"])
def test_a_server_that_never_answers_well_is_given_up(bucket, bad_bucket, hurry, fault):
    bad_bucket(QUIET).always = fault
    assert "run the same command again" in refused(bucket).lower()


def test_an_unreachable_server_is_told_by_its_address(bucket, hurry, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://secret:word@127.0.0.1:9")
    said = refused(bucket)
    assert "bucket 'share-dist' at http://127.0.0.1:9 cannot be reached" in said
    assert "Check AWS_ENDPOINT_URL" in said
    assert "word" not in said


def test_a_bucket_that_is_not_there_is_told_with_how_to_make_it(bucket):
    assert "aws s3 mb s3://nowhere" in refused("s3://nowhere/run")


def test_without_credentials_the_places_to_put_them_are_named(bucket, monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    assert "no credentials were found" in refused(bucket)
    monkeypatch.setenv("AWS_PROFILE", "stranger")
    assert "AWS_PROFILE" in refused(bucket)


def test_an_endpoint_that_is_no_address_is_a_bad_setting(bucket, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "nonsense")
    with pytest.raises(errors.BadSetting, match="http://host:port"):
        open_run(bucket, CONFIG)
