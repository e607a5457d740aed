"""A home that cannot be written, or none at all, keeps nobody from starting Ray on a machine."""

from __future__ import annotations

import os

import pytest

from share_dist.fleet.token import ensure_token


@pytest.fixture(autouse=True)
def without_token(monkeypatch):
    """Nobody has given this process a token, and what it is given ends with the test."""
    monkeypatch.setenv("RAY_AUTH_TOKEN", "")
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("home", ["/dev/null/home", "/proc/home"])
def test_a_token_that_cannot_be_written_is_given_in_the_environment(monkeypatch, home):
    monkeypatch.setenv("HOME", home)
    ensure_token()
    assert len(os.environ["RAY_AUTH_TOKEN"]) == 64


def test_a_home_of_ones_own_keeps_the_token(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    ensure_token()
    assert "RAY_AUTH_TOKEN" not in os.environ


def test_a_token_that_was_given_is_left_alone(monkeypatch):
    monkeypatch.setenv("RAY_AUTH_TOKEN", "mine")
    monkeypatch.setenv("HOME", "/dev/null/home")
    ensure_token()
    assert os.environ["RAY_AUTH_TOKEN"] == "mine"
