"""A home that cannot be written, or none at all, keeps nobody from starting Ray on a machine."""

from __future__ import annotations

import os

import pytest

from share_dist.errors import BadSetting
from share_dist.fleet.token import ensure_token, kept_token


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


@pytest.mark.parametrize("spoiled", ["folder is a file", "token is a folder", "token is a link", "token is binary"])
def test_a_home_with_something_else_in_the_tokens_place_is_left_as_it_is(monkeypatch, tmp_path, spoiled):
    monkeypatch.setenv("HOME", str(tmp_path))
    token = tmp_path / ".ray" / "auth_token"
    if spoiled == "folder is a file":
        token.parent.touch()
    else:
        token.parent.mkdir()
        makers = {"folder": token.mkdir, "link": lambda: token.symlink_to("/proc/nothing")}
        makers.get(spoiled.rpartition(" ")[2], lambda: token.write_bytes(b"\xff\xfe\x00"))()
    assert not kept_token().ok
    ensure_token()
    assert len(os.environ["RAY_AUTH_TOKEN"]) == 64


@pytest.mark.parametrize(("value", "said"), [("pässword", "holds other signs than a token has"), (" ", "is blank")])
def test_a_token_that_no_request_can_carry_is_refused_and_not_shown(monkeypatch, value, said):
    monkeypatch.setenv("RAY_AUTH_TOKEN", value)
    with pytest.raises(BadSetting, match=f"RAY_AUTH_TOKEN {said}") as refused:
        ensure_token()
    assert "ssword" not in str(refused.value)


def test_a_home_of_ones_own_keeps_the_token(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    ensure_token()
    assert "RAY_AUTH_TOKEN" not in os.environ


def test_a_token_that_was_given_is_left_alone(monkeypatch):
    monkeypatch.setenv("RAY_AUTH_TOKEN", "mine")
    monkeypatch.setenv("HOME", "/dev/null/home")
    ensure_token()
    assert os.environ["RAY_AUTH_TOKEN"] == "mine"
