"""The token of a Ray started here: found as Ray finds it, or made, readable by its owner alone from its first byte."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import secrets
import tempfile
from pathlib import Path

from share_dist.errors import BadSetting, DamagedFile, Finding
from share_dist.storage import read_given

log = logging.getLogger("share_dist")
MODE, VALUE, PATH = "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"
_MODES = ("token", "disabled")
_SIGNS = re.compile(rb"[ -~\s]*")
"""What a header of a request may hold."""
_MOST_BYTES = 1 << 16


def home() -> Path | None:
    """The user's home, or None where nobody says which that is: no HOME and no passwd entry."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def given_token() -> Finding:
    """Whether what the environment says about Ray's token can be used."""
    mode, path = os.environ.get(MODE), os.environ.get(PATH)
    if mode is not None and mode.lower() not in _MODES:
        # Ray takes every other word as no.
        return Finding("Ray's token", False, f"{MODE} is '{mode}', which Ray does not know", f"export {MODE}=token")
    if mode is not None and mode.lower() != "token":
        return Finding("Ray's token", True, f"{MODE} is {mode}")
    if not os.environ.get(VALUE) and path is None:
        return Finding("Ray's token", True, "Ray will ask for one")
    if os.environ.get(VALUE):
        why, variable, said = unusable_token(), VALUE, "Ray will ask for one"
    else:
        missing, variable, said = _why_no_token(Path(path or "")), PATH, f"in {path}"
        why = f"{PATH} is {path}, {missing}" if missing else unusable_token()
    remedy = f"Name a file that holds the token, or take Ray's usual one: unset {variable}"
    return Finding("Ray's token", not why, why or said, remedy if why else "")


def unusable_token() -> str:
    """Say of this process's token that no request can carry it, with which Ray would abort; nothing if it can."""
    folder, path = home(), os.environ.get(PATH)
    file = Path(path) if path else folder / ".ray" / "auth_token" if folder else None
    if os.environ.get(VALUE):
        content, name = os.environb[VALUE.encode()], VALUE
    elif file is None:
        return ""
    else:
        try:
            content, name = read_given(file, _MOST_BYTES), f"{PATH} is {path}, which" if path else str(file)
        except (OSError, ValueError):
            return ""  # there is none, and whoever needs it says so
        except DamagedFile:
            return f"{file} is no file of a token"
    if name == VALUE and not content.strip():
        return f"{VALUE} is blank"
    return "" if _SIGNS.fullmatch(content) else f"{name} holds other signs than a token has"


def _is_given() -> bool:
    """Whether the environment says which token Ray asks for."""
    return bool(os.environ.get(VALUE) or os.environ.get(PATH))


def _why_no_token(path: Path) -> str:
    try:
        if not path.is_file():
            return "which is no file" if path.exists() else "which does not exist"
        return "" if path.read_bytes().strip() else "which is empty"
    except OSError as error:
        return f"which cannot be read ({error.strerror})"


def kept_token() -> Finding:
    """Whether the token of a Ray started here can be kept for later commands of the same user."""
    if _is_given() or os.environ.get(MODE, "token").lower() != "token":
        return Finding("home", True, "not needed: the environment says which token Ray asks for")
    folder = home()
    said = os.environ.get("HOME")
    if folder is None:
        detail = (
            f"HOME is {'not set' if said is None else repr(said)}, and this account ({os.getuid()}) has none either"
        )
    else:
        why = _why_not_kept(folder)
        if not why:
            return Finding("home", True, f"{folder} keeps Ray's token")
        detail = f"HOME is {folder}, {why}"
    remedy = (
        "A run here works, with a token that it forgets; `ray status` and `share-dist explain` cannot ask it. "
        "Set HOME to a folder that can be written, such as HOME=$(mktemp -d)."
    )
    return Finding("home", False, detail, remedy)


def _why_not_kept(folder: Path) -> str:
    token = folder / ".ray" / "auth_token"
    try:
        for path, kind, is_one in ((token.parent, "folder", Path.is_dir), (token, "file", Path.is_file)):
            if os.path.lexists(path) and not is_one(path):
                return f"where {path} is no {kind}"
        if token.exists() and token.stat().st_size:
            why = unusable_token() if os.access(token, os.R_OK) else f"{token} cannot be read"
            return f"where {why}" if why else ""
        place = next(place for place in (token, token.parent, folder) if place.exists() or place == folder)
    except OSError as error:
        return f"which cannot be entered ({error.strerror})"
    if not folder.is_dir():
        return "which is no folder"
    return "" if os.access(place, os.W_OK) else "which cannot be written"


def ensure_token() -> None:
    """See to it that a Ray that starts here finds a token which no other user of the machine can read.

    Ray itself would write one with the usual permissions. Where no home can keep one, this process and the Ray that it
    starts have one of their own, in memory.

    Raises:
        errors.BadSetting: the environment names a token that cannot be used.
    """
    given = given_token()
    if not given.ok:
        raise BadSetting(f"{given.detail}.\n  {given.remedy}")
    if _is_given() or os.environ.get(MODE, "token").lower() != "token":
        return
    kept = kept_token()
    if not kept.ok:
        log.warning("%s: Ray's token is kept in memory for this run alone", kept.detail)
        os.environ[VALUE] = secrets.token_hex(32)
        return
    path = Path.home() / ".ray" / "auth_token"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.is_file() and path.stat().st_uid == os.getuid() and path.stat().st_mode & 0o077:
        path.chmod(0o600)
    if not path.exists() or not path.stat().st_size:
        _write_once(path, secrets.token_hex(32))


def _write_once(path: Path, text: str) -> None:
    """Write a file whole and for its owner only, unless another process does so at the same time."""
    handle, draft = tempfile.mkstemp(dir=path.parent)  # mode 0600
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
        if path.exists() and not path.stat().st_size:
            os.replace(draft, path)  # one that a killed process left empty
        else:
            with contextlib.suppress(FileExistsError):
                os.link(draft, path)
    except OSError:
        # Some network file systems have no hard links.
        if not path.exists():
            os.replace(draft, path)
    finally:
        Path(draft).unlink(missing_ok=True)
