"""A bucket over https: the authority that people name is trusted, by boto and by Arrow, and nobody else."""

from __future__ import annotations

import datetime
import ipaddress
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from share_dist.storage import arrow_place, check, for_many_reads, open_store
from share_dist.storage.s3_transfer import PART_BYTES
from share_dist.studies.bad_s3 import Schedule, bad_s3

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """The file of a certificate of 127.0.0.1, its own authority, with its key, made for these tests."""
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")]), datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - day, now + day)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.fixture
def https(bucket, bucket_server, certificate, monkeypatch):
    """The fault proxy before the bucket, speaking https."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    with bad_s3(bucket_server.endpoint, Schedule(seed=0, share=0.0), tls=tls) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        yield proxy


def test_an_authority_that_is_not_trusted_is_told_with_how_to_trust_it(bucket, https):
    (finding,) = check(bucket)
    assert "cannot be trusted" in finding.detail
    assert "Set AWS_CA_BUNDLE to the file of the authority" in finding.remedy


@pytest.mark.parametrize("manner", [None, "refuses checksums", "wants Content-MD5"])
def test_over_https_too_no_checksum_is_sent_that_servers_refuse(bucket, https, certificate, monkeypatch, manner):
    """There boto sends it in a trailer, as aws-chunked, which still fewer servers know."""
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
    https.manners = {manner} - {None}
    assert check(bucket)[0].ok
    store, data = open_store(bucket), bytes(2 * PART_BYTES + 1)
    store.write_once("large", data)
    assert store.read("large") == data


def test_a_trailer_that_was_asked_for_is_told_when_it_is_refused(bucket, https, certificate, monkeypatch):
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
    monkeypatch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "when_supported")
    https.manners = {"refuses checksums"}
    (finding,) = check(bucket)
    assert "Unsupported header 'content-encoding'" in finding.detail
    assert "Set AWS_REQUEST_CHECKSUM_CALCULATION=when_required" in finding.remedy


def test_arrow_and_quick_reads_trust_the_same_authority(bucket, https, certificate, monkeypatch):
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
    open_store(bucket).write_once("config.json", b"{}")
    quick, before = for_many_reads(open_store(bucket)), len(https.log)
    assert [quick.read("config.json") for _ in range(5)] == [b"{}"] * 5
    assert len(https.log) == before + 5, "none was asked again by boto"
    place = arrow_place(open_store(bucket))
    with place["storage_filesystem"].open_output_stream(f"{place['storage_path']}/state.json") as file:
        file.write(b"from arrow")
    assert open_store(bucket).read("state.json") == b"from arrow"


def test_http_where_the_server_speaks_https_is_told(bucket, https, monkeypatch, hurry):
    monkeypatch.setenv("AWS_ENDPOINT_URL", https.endpoint.replace("https", "http"))
    (finding,) = check(bucket)
    assert not finding.ok
    assert "AWS_ENDPOINT_URL" in finding.remedy
