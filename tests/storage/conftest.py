"""The three kinds of place that every store must serve alike."""

from __future__ import annotations

import pytest

from share_dist.storage import open_store
from share_dist.studies.bad_s3 import Schedule


@pytest.fixture(params=["folder", "bucket", "bad bucket"])
def store(request, tmp_path):
    """A folder, a bucket, and a bucket behind a proxy that spoils a quarter of all requests."""
    if request.param == "folder":
        return open_store(tmp_path / "run")
    address = request.getfixturevalue("bucket")
    if request.param == "bad bucket":
        request.getfixturevalue("hurry")
        request.getfixturevalue("bad_bucket")(Schedule(seed=3, share=0.25))
    return open_store(address)
