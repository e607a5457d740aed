"""A home that cannot be written, or none at all, keeps nobody from starting Ray on a machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from share_dist.fleet.cluster import _require_place_for


@pytest.fixture(autouse=True)
def without_token(monkeypatch):
    """Nobody has given this process a token, and what it is given ends with the test."""
    monkeypatch.setenv("RAY_AUTH_TOKEN", "")
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("token", ["/dev/null/home/.ray/auth_token", "/proc/home/.ray/auth_token", "~/.ray/auth_token"])
def test_a_token_that_cannot_be_written_is_given_in_the_environment(token):
    _require_place_for(Path(token))
    assert len(os.environ["RAY_AUTH_TOKEN"]) == 64
    assert not Path("~").exists()


def test_a_home_of_ones_own_keeps_the_token(tmp_path):
    _require_place_for(tmp_path / ".ray/auth_token")
    assert "RAY_AUTH_TOKEN" not in os.environ


def test_a_token_that_was_given_is_left_alone(monkeypatch):
    monkeypatch.setenv("RAY_AUTH_TOKEN", "mine")
    _require_place_for(Path("/dev/null/home/.ray/auth_token"))
    assert os.environ["RAY_AUTH_TOKEN"] == "mine"
