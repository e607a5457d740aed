"""Settings of AWS's own: all that people set is found, and what is wrong with one is told by its name."""

from __future__ import annotations

import pytest

from share_dist import errors
from share_dist.storage import arrow_place, check, open_store
from share_dist.storage.s3 import S3Store
from share_dist.studies.bad_s3 import Schedule

pytestmark = pytest.mark.slow

QUIET = Schedule(seed=0, share=0.0)


def region_of(address):
    store = open_store(address)
    assert isinstance(store, S3Store)
    return store.client.meta.region_name


@pytest.fixture
def profile(tmp_path, monkeypatch):
    """A function of lines that makes them the profile ``ours``, in use."""

    def use(*lines):
        (tmp_path / "config").write_text("\n".join(["[profile ours]", *lines]))
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
        monkeypatch.setenv("AWS_PROFILE", "ours")

    return use


@pytest.mark.parametrize(
    ("region", "default", "wanted"),
    [
        ("eu-west-1", None, "eu-west-1"),
        ("eu-west-1", "eu-west-2", "eu-west-1"),
        ("", "eu-west-2", "eu-west-2"),
        (None, None, "eu-west-3"),
    ],
)
def test_the_region_is_found_where_the_other_sdks_find_it(bucket, profile, monkeypatch, region, default, wanted):
    profile("region = eu-west-3")
    for name, value in (("AWS_REGION", region), ("AWS_DEFAULT_REGION", default)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    assert region_of(bucket) == wanted
    assert arrow_place(open_store(bucket))["storage_filesystem"].region == wanted


def test_without_any_region_a_bucket_is_reached_all_the_same(bucket, monkeypatch, tmp_path):
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    assert check(bucket)[0].ok


def told(address):
    """The doctor's fact and remedy, in which no key stands."""
    (finding,) = check(address)
    assert not finding.ok
    assert "share-dist" in finding.detail
    assert not [key for key in ("AKIAONTHISMACHINE", "opens-nothing", "word") if key in finding.detail + finding.remedy]
    return finding.detail, finding.remedy


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
@pytest.mark.parametrize("end", ["/share-dist", "/share-dist/"])
def test_an_endpoint_that_ends_in_the_buckets_name_is_told_with_the_right_one(
    bucket, monkeypatch, variable, end, bucket_server
):
    monkeypatch.setenv(variable, bucket_server.endpoint + end)
    fact, remedy = told(bucket)
    assert "the endpoint names the bucket already" in fact
    assert remedy.startswith(f"Set {variable} to {bucket_server.endpoint};")
    with pytest.raises(errors.BucketRefused, match=f"Set {variable} to"):
        open_store(bucket).list()


def test_an_endpoint_that_begins_with_the_buckets_name_is_corrected(bucket, bad_bucket, monkeypatch, named):
    """The server behind takes every path for a key of the bucket that its host names."""
    proxy = bad_bucket(QUIET)
    proxy.manners = {"bucket in its host"}
    port = proxy.endpoint.rpartition(":")[2]
    named("share-dist.s3.example.com")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://share-dist.s3.example.com:{port}")
    assert told(bucket)[1].startswith(f"Set AWS_ENDPOINT_URL to http://s3.example.com:{port};")


def test_a_server_that_wants_the_bucket_in_its_host_is_served_by_the_profiles_addressing_style(
    bucket, bad_bucket, monkeypatch, profile, named
):
    proxy = bad_bucket(QUIET)
    proxy.manners = {"wants the bucket in its host"}
    named("s3.example.com", "share-dist.s3.example.com")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://s3.example.com:{proxy.endpoint.rpartition(':')[2]}")
    assert told(bucket)[1] == "Run `aws configure set s3.addressing_style virtual` on every node."
    profile("s3 =", "  addressing_style = virtual")
    assert check(bucket)[0].ok


@pytest.fixture
def named(monkeypatch):
    """A function of host names that makes them names of this machine."""
    import socket

    def name(*hosts):
        real = socket.getaddrinfo
        monkeypatch.setattr(
            socket,
            "getaddrinfo",
            lambda host, *others, **more: real("127.0.0.1" if host in hosts else host, *others, **more),
        )

    return name


@pytest.mark.parametrize(
    ("variables", "fact", "remedy"),
    [
        ({"AWS_PROFILE": "our"}, "there is no profile 'our'; did you mean 'ours'?", "Set AWS_PROFILE to"),
        ({"AWS_REQUEST_CHECKSUM_CALCULATION": "no"}, "request_checksum_calculation", "`aws configure list`"),
        ({"AWS_REGION": "eu central"}, "eu central", "`aws configure list`"),
        ({"AWS_SECRET_ACCESS_KEY": "opens-nothing\n"}, "AWS_SECRET_ACCESS_KEY begins or ends", "Set it without"),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_CONFIG_FILE": "PROCESS"}, "/nowhere/tool cannot be used", "credential_process"),
        (
            {"AWS_ACCESS_KEY_ID": "", "AWS_ROLE_ARN": "arn:aws:iam::1:role/x", "AWS_WEB_IDENTITY_TOKEN_FILE": "/none"},
            "/none cannot be used (No such file or directory)",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
        ),
        ({"AWS_CONFIG_FILE": "S3 YES"}, "section of ~/.aws/config is not as it should be", "indented lines"),
        ({"AWS_CONFIG_FILE": "NOT INI"}, "ConfigParseError", "~/.aws/config"),
        ({"AWS_SECRET_ACCESS_KEY": ""}, "half of the credentials", "Set AWS_SECRET_ACCESS_KEY too"),
        (
            {"AWS_ENDPOINT_URL": "http://a:word@b c"},
            "no client can be made",
            "Set AWS_ENDPOINT_URL to http://host:port",
        ),
    ],
)
def test_a_setting_that_cannot_be_is_told_by_its_name(bucket, monkeypatch, tmp_path, variables, fact, remedy):
    (tmp_path / "config").write_text("[profile ours]\nregion = eu-west-3\n")
    files = {
        "NOT INI": "no ini [[\n",
        "PROCESS": "[default]\ncredential_process = /nowhere/tool --secret word\n",
        "S3 YES": "[default]\ns3 = yes\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    for name, value in variables.items():
        monkeypatch.setenv(name, str(tmp_path / value) if value in files else value)
        if not value:
            monkeypatch.delenv(name)
    found = told(bucket)
    assert fact in found[0]
    assert remedy in found[1]


def test_https_where_the_server_speaks_http_is_told_with_the_right_address(bucket, monkeypatch, hurry, bucket_server):
    monkeypatch.setenv("AWS_ENDPOINT_URL", bucket_server.endpoint.replace("http", "https"))
    fact, remedy = told(bucket)
    assert "does not speak https" in fact
    assert f"Set AWS_ENDPOINT_URL to {bucket_server.endpoint}" in remedy


def test_a_file_of_certificates_that_is_not_there_is_told_by_its_name_at_once(bucket, monkeypatch, bucket_server):
    monkeypatch.setenv("AWS_ENDPOINT_URL", bucket_server.endpoint.replace("http", "https"))
    monkeypatch.setenv("AWS_CA_BUNDLE", "/nowhere/authority.pem")
    fact, remedy = told(bucket)
    assert "/nowhere/authority.pem, is not there" in fact
    assert "Set AWS_CA_BUNDLE" in remedy


def test_a_proxy_that_does_not_answer_is_told_as_the_proxy(bucket, monkeypatch, hurry):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://s3.example.com")
    monkeypatch.setenv("HTTP_PROXY", "http://user:word@127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    fact, remedy = told(bucket)
    assert "the proxy of this machine does not answer" in fact
    assert "HTTP_PROXY" in remedy


@pytest.mark.parametrize(
    "endpoint", ["localhost:9000", "https://host:abc", "http://", "http://host:1/?x=1", "http:host"]
)
def test_an_endpoint_that_is_no_address_is_told_without_a_traceback(bucket, monkeypatch, endpoint):
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    fact, _ = told(bucket)
    assert endpoint.rstrip("/") in fact


def test_a_password_in_an_endpoint_is_never_shown(bucket, monkeypatch, hurry):
    for host in ("127.0.0.1:9", "[::1]:9", "host:abc", "b c"):
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://user:pass@word@{host}")
        told(bucket)


def test_credentials_that_are_renewed_in_their_file_are_used_next(bucket, bad_bucket, monkeypatch, tmp_path):
    bad_bucket(QUIET).manners = {"key OLD has expired"}
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    file = tmp_path / "credentials"
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    file.write_text("[default]\naws_access_key_id = OLD\naws_secret_access_key = opens-nothing\n")
    store = open_store(bucket)
    with pytest.raises(errors.BucketRefused, match="ExpiredToken"):
        store.write_once("key", b"1")
    file.write_text(file.read_text().replace("OLD", "NEW"))
    store.write_once("key", b"1")
    assert store.read("key") == b"1"


@pytest.mark.parametrize(
    ("endpoint", "aws", "given"),
    [
        ("https://s3.amazonaws.com", True, False),
        ("https://s3.eu-west-1.amazonaws.com", True, False),
        ("https://s3-fips.dualstack.us-gov-west-1.amazonaws.com", True, False),
        ("https://s3.cn-north-1.amazonaws.com.cn", True, False),
        ("https://bucket.vpce-1a2b-3c4d.s3.eu-west-1.vpce.amazonaws.com", True, True),
        ("https://s3.example.com", False, True),
        ("https://s3.amazonaws.com.example.com", False, True),
        ("http://127.0.0.1:9000", False, True),
    ],
)
def test_servers_of_aws_and_endpoints_that_people_chose_are_told_apart(endpoint, aws, given):
    from share_dist.storage.s3_dialect import is_aws, is_given

    assert (is_aws(endpoint), is_given(endpoint)) == (aws, given)
