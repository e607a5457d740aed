"""A bucket behind a network that drops, delays and cuts: whole or not at all, and in the end an error in words."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from share_dist import errors
from share_dist.storage import once, open_store
from share_dist.storage.s3 import S3Store
from share_dist.studies.bad_s3 import FAULTS, Schedule

pytestmark = pytest.mark.slow

UPLOAD = """
import sys
from share_dist.storage import open_store
open_store(sys.argv[1]).write_once("large", b"x" * (40 << 20))
"""


def test_a_schedule_is_a_function_of_its_seed_and_knows_every_fault():
    first, again, other = ([Schedule(seed=seed).fault(n) for n in range(2000)] for seed in (1, 1, 2))
    assert first == again != other
    assert set(first) == {*FAULTS, None}
    assert 0.07 < sum(fault is not None for fault in first) / 2000 < 0.13


def number_stage(store, name, number, made):
    def make():
        made.append(name)
        return number

    def save(value, stage):
        stage.write_once("value.json", json.dumps(value).encode())
        stage.write_once("padding", bytes(20_000))

    return once(store, name, make, save, lambda stage: json.loads(stage.read("value.json")))


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), share=st.floats(0.0, 0.4))
def test_whatever_fails_a_stage_is_made_once_and_reads_the_same(seed, share, bucket, bad_bucket, hurry):
    proxy = bad_bucket(Schedule(seed=seed, share=share))
    store, made = open_store(f"{bucket}/{seed}-{share}"), []
    for number in (1, 2, 3, 3, 1):
        assert number_stage(store, f"stage-{number}", number, made) == number
    assert made == ["stage-1", "stage-2", "stage-3"]
    proxy.on = False
    assert len(store.list()) == 9


@pytest.mark.parametrize("fault", FAULTS)
def test_every_single_fault_is_survived_when_it_passes(bucket, bad_bucket, hurry, fault):
    """Every request fails that way with one chance in two; a large object takes twenty of them."""
    proxy = bad_bucket(Schedule(seed=5, share=0.3, kinds=(fault,)))
    store, data = open_store(bucket), os.urandom(20 << 20)
    store.write_once("large", data)
    store.write_once("small", b"1")
    assert (store.read("large"), store.read("small"), store.list()) == (data, b"1", ["large", "small"])
    assert proxy.counts[fault] > 0


@pytest.mark.parametrize("size", [1000, 20 << 20])
def test_a_body_that_is_always_cut_is_never_taken_for_whole(bucket, bad_bucket, hurry, size):
    proxy = bad_bucket(Schedule(seed=0, share=0.0))
    store = open_store(bucket)
    store.write_once("key", os.urandom(size))
    proxy.always = "truncate"
    with pytest.raises(errors.BucketRefused, match="bucket 'share-dist' at http://127"):
        store.read("key")


def test_an_object_that_is_replaced_while_it_is_read_is_the_old_or_the_new_one(bucket, hurry):
    old, new = b"o" * (40 << 20), b"n" * (40 << 20)
    store = open_store(bucket)
    store.overwrite("key", old)
    replacing = threading.Thread(target=store.overwrite, args=("key", new))
    replacing.start()
    found = [store.read("key") for _ in range(3)]
    replacing.join()
    assert {old, new}.issuperset(found)
    assert store.read("key") == new


def test_an_object_that_was_cut_where_it_lies_is_damaged_not_shorter(bucket, hurry):
    """Its length and its ETag agree with the cut bytes, as after a faulty copy; its own SHA-256 does not."""
    store = open_store(bucket)
    assert isinstance(store, S3Store)
    store.write_once("key", b"0123456789")
    said = store.client.head_object(Bucket=store.bucket, Key=f"{store.prefix}/key")["Metadata"]
    store.client.put_object(Bucket=store.bucket, Key=f"{store.prefix}/key", Body=b"01234", Metadata=said)
    with pytest.raises(errors.DamagedFile, match="5 bytes that do not have its SHA-256"):
        store.read("key")


def test_of_a_writer_killed_in_the_middle_of_its_parts_nothing_is_visible(bucket, bad_bucket):
    proxy = bad_bucket(Schedule(seed=0, share=0.0, slow_s=0.5))
    proxy.always = "slow"
    writer = subprocess.Popen([sys.executable, "-c", UPLOAD, bucket])
    deadline = time.monotonic() + 60
    while not any(method == "PUT" and "partNumber" in path for method, path in proxy.log):
        assert time.monotonic() < deadline
        assert writer.poll() is None
        time.sleep(0.02)
    writer.send_signal(signal.SIGKILL)
    assert writer.wait() == -signal.SIGKILL
    proxy.always = None
    store = open_store(bucket)
    assert (store.list(), store.exists("large")) == ([], False)
    store.write_once("large", b"x" * (40 << 20))
    assert store.read("large") == b"x" * (40 << 20)


def test_manifests_are_deleted_before_what_they_vouch_for(bucket, monkeypatch):
    store, asked = open_store(bucket), []
    for key in ("a/rows", "a/manifest.json", "a/b/manifest.json"):
        store.write_once(key, b"1")
    monkeypatch.setattr(S3Store, "remove", lambda self, keys: asked.append(keys))
    store.delete("a")
    assert asked == [["a/b/manifest.json", "a/manifest.json"], ["a/rows"]]


def test_a_stage_that_is_loaded_fetches_each_object_once(bucket, bad_bucket):
    proxy, made = bad_bucket(Schedule(seed=0, share=0.0)), []
    store = open_store(bucket)
    number_stage(store, "stage", 7, made)
    assert [path for method, path in proxy.log if method == "GET"] == []
    proxy.log.clear()
    number_stage(store, "stage", 7, made)
    names = sorted(path.split("?")[0].rpartition("/")[2] for method, path in proxy.log if method == "GET")
    assert names == ["manifest.json", "padding", "value.json"]
