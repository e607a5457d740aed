"""Servers that speak S3 otherwise than AWS: runs work there, or are refused with what is missing and what to do."""

from __future__ import annotations

import pytest

from share_dist import errors
from share_dist.storage import check, open_run, open_store
from share_dist.storage.s3 import S3Store
from share_dist.storage.s3_transfer import PART_BYTES
from share_dist.studies.bad_s3 import Schedule

pytestmark = pytest.mark.slow

QUIET = Schedule(seed=0, share=0.0)


@pytest.fixture
def server(bucket, bad_bucket):
    """A function of manners: the address of a place in a bucket whose server has them."""

    def with_manners(*manners):
        with_manners.proxy = bad_bucket(QUIET)
        with_manners.proxy.manners = set(manners)
        return bucket

    return with_manners


def refused(address):
    """What opening a run says, which the doctor says too; nothing stays behind."""
    with pytest.raises(errors.BucketRefused) as caught:
        open_run(address, "{}")
    (finding,) = check(address)
    assert finding.remedy == str(caught.value).splitlines()[-1].strip()
    assert not [key for key in ("AKIAONTHISMACHINE", "opens-nothing") if key in str(caught.value)]
    return str(caught.value)


ABOUT_PARTS = ("refuses checksums", "wants Content-MD5", "error in a 200")


@pytest.mark.parametrize(
    "manner",
    [
        *("refuses checksums", "wants Content-MD5", "no bulk delete", "bulk delete is InvalidArgument"),
        *("HEAD is forbidden", "absent is forbidden", "error in a 200", "wants region eu-west-1", "too many requests"),
        *("does not know checksums", "bulk delete is not allowed", "HEAD is not allowed", "redirects"),
    ],
)
def test_a_run_is_opened_written_read_and_deleted_on_a_server_that(server, hurry, manner):
    store = open_store(server(manner))
    run, large = open_run(store.uri(), "{}"), bytes(2 * PART_BYTES + 1 if manner in ABOUT_PARTS else 9)
    for key, data in (("stage/large", large), ("stage/manifest.json", b"{}"), ("empty", b"")):
        run.write_once(key, data)
        with pytest.raises(errors.OtherRun):
            run.write_once(key, b"other")
        assert (run.exists(key), run.read(key)) == (True, data)
    assert not run.exists("nowhere")
    run.delete("stage")
    assert run.list() == ["config.json", "empty"]


def test_what_a_run_asks_is_all_asked_beforehand_and_nothing_stays(server):
    address = server()
    assert check(address)[0].ok
    asked = {
        (method, *sorted(set(path.partition("?")[2].replace("=", "&").split("&")) & {"uploads", "uploadId", "delete"}))
        for method, path in server.proxy.log
    }
    assert asked == {
        *(("GET",), ("HEAD",), ("PUT",), ("DELETE",)),
        *(("POST", "uploads"), ("PUT", "uploadId"), ("POST", "uploadId"), ("DELETE", "uploadId"), ("POST", "delete")),
    }
    assert len(server.proxy.log) == 18
    store = open_store(address)
    assert isinstance(store, S3Store)
    assert store.list() == []
    # Other tests' uploads that nobody finished may lie beside, for all share one bucket.
    uploads = store.client.list_multipart_uploads(Bucket=store.bucket).get("Uploads", [])
    assert not [upload for upload in uploads if upload["Key"].startswith(store.prefix)]


@pytest.mark.parametrize(
    ("manner", "fact", "remedy"),
    [
        ("no conditions", "NotImplemented to s3:PutObject with If-None-Match", "Runs need conditional writes"),
        ("ignores conditions", "a put with If-None-Match was done all the same", "use a newer server"),
        ("ignores conditions of parts", "an upload in parts with If-None-Match was done all", "use a newer server"),
        ("no parts", "NotImplemented to s3:PutObject in parts", "use a newer server, or a folder"),
        ("wants the bucket in its host", "name in its host", "configure set s3.addressing_style virtual"),
        ("web page", "no S3 server", "Set AWS_ENDPOINT_URL"),
        ("web page of an error", "no S3 server (400)", "https:// if that is what it speaks"),
        ("expired", "does not accept these credentials (ExpiredToken)", "the same command again: it goes on"),
        ("invalid request", "400 InvalidRequest: This request is not wanted here", "Compare AWS_ENDPOINT_URL"),
        ("requester pays", "is paid for by whoever asks", "--request-payer requester"),
        ("key denied", "does not allow kms:GenerateDataKey", "on the bucket's key"),
        ("network sign-in", "no S3 server (511)", "a proxy's sign-in page"),
        ("redirects to a sign-in", "no S3 server (302 to https://login.example.com)", "a proxy's sign-in page"),
        ("proxy wants a name", "the proxy of this machine wants a name", "Set HTTPS_PROXY or HTTP_PROXY to"),
        ("ignores ranges", "answers with all of an object where a part of it", "Runs need s3:GetObject with Range"),
        ("small objects only", "takes no object as large as one of the run's (413)", "client_max_body_size"),
        ("full", "is full (XMinioStorageFull)", "Free some space"),
    ],
)
def test_a_server_on_which_no_run_can_work_is_told_with_the_reason_at_once(server, manner, fact, remedy):
    address = server(manner)
    said = refused(address)
    assert fact in said.splitlines()[0]
    assert remedy in said.splitlines()[-1]
    assert "later" not in said
    # Twice what opening asks at most, for `open_run` and `check`: nothing is asked again that time cannot mend.
    assert len(server.proxy.log) <= 2 * 18
    server.proxy.manners = set()
    assert open_store(address).list() == []


@pytest.mark.parametrize(
    ("manner", "fact"),
    [
        ("ends uploads", "has ended an upload in parts before it was whole"),
        ("refuses conditions that hold", "because it is there, and it is not"),
    ],
)
def test_a_large_object_that_others_keep_from_being_written_is_told_and_nothing_of_it_stays(server, manner, fact):
    store = open_store(server(manner))
    with pytest.raises(errors.BucketRefused, match=fact):
        store.write_once("large", bytes(2 * PART_BYTES + 1))
    assert store.list() == []


@pytest.mark.parametrize(
    ("manner", "value", "other"),
    [
        ("refuses checksums", "when_supported", "when_required"),
        ("does not know checksums", "when_supported", "when_required"),
        ("wants Content-MD5", "when_supported", "when_required"),
    ],
)
def test_the_usual_variables_about_checksums_are_obeyed_and_named(server, monkeypatch, manner, value, other):
    monkeypatch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", value)
    assert f"Set AWS_REQUEST_CHECKSUM_CALCULATION={other}" in refused(server(manner))
    monkeypatch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", other)
    assert check(server(manner))[0].ok


@pytest.mark.parametrize("value", ["when_supported", "when_required"])
def test_a_large_object_has_checksums_of_its_parts_exactly_when_they_are_asked_for(bucket, monkeypatch, value):
    monkeypatch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", value)
    store = open_store(bucket)
    assert isinstance(store, S3Store)
    store.write_once("large", bytes(2 * PART_BYTES + 1))
    place = store.place("large")
    found = store.client.head_object(**place.names, ChecksumMode="ENABLED")
    assert ("ChecksumCRC32" in found) == (value == "when_supported")


def test_of_a_refused_bulk_delete_every_object_is_deleted_and_a_denied_one_is_told(server, bucket):
    store = open_store(server("no bulk delete"))
    for number in range(40):
        store.write_once(f"many/{number}", b"1")
    store.delete("many")
    assert store.list() == []
    store.write_once("many/1", b"1")
    store.write_once("many/2", b"2")
    server.proxy.denied.add("delete")
    with pytest.raises(errors.BucketRefused, match="does not allow s3:DeleteObject"):
        store.delete("many")


def test_an_upload_that_cannot_be_given_up_is_told_with_what_deletes_it(server, caplog):
    assert check(server("no abort"))[0].ok
    assert "allow s3:AbortMultipartUpload there, or let a lifecycle rule delete incomplete uploads" in caplog.text


@pytest.mark.parametrize("manners", [("one key a page",), ("one key a page", "lists as in 2006")])
def test_a_listing_is_whole_on_a_server_that_has(server, manners):
    store = open_store(server(*manners))
    keys = sorted(["a/b", "a/c d+e", "a/é%2F&<", "f"])
    for key in keys:
        store.write_once(key, b"1")
    assert store.list() == keys
    assert len(server.proxy.log) == 2 * len(keys)
