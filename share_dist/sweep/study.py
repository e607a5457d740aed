"""The study: every trial with its settings, figures and fate, kept where it survives the driver."""

from __future__ import annotations

import json
import logging
import os
import tempfile
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileSymlinkLock
from optuna.study import StudyDirection
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from share_dist import errors
from share_dist.masking import MASK, without_password
from share_dist.storage import FolderStore, Store, refuse_differences, writing
from share_dist.sweep.journal_lines import CheckedJournal

JOURNAL = "study.journal"
IDENTITY = "sweep"
REASON, ROUNDS = "reason", "rounds"
"""What is kept of a trial besides settings and values: why it failed, and its figures after each round."""
REPEATS, FAILED_REPEATS = "repeats", "failed repeats"
"""What is kept of the study besides: finalists' figures on other seeds, or why there are none."""
BASE_COST = "base cost"
"""And what the survey of the base model cost, by which sharing is counted."""
_WANTED = ", but it must be postgresql://user@host/database.\n  Leave --storage out to keep a journal file in --out."
_STALE_LOCK_S = 5
"""A lock of the journal that is older belongs to a process that was killed; ours is held for milliseconds."""

optuna.logging.set_verbosity(optuna.logging.WARNING)
logging.getLogger("alembic").setLevel(logging.WARNING)
warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)


def open_journal(store: Store) -> BaseStorage:
    """Return the journal in a sweep's own place, of which this process is the only writer."""
    if isinstance(store, FolderStore):
        return JournalStorage(_Journal(store.root / JOURNAL))
    return JournalStorage(_StoredJournal(store))


class _Journal(CheckedJournal):
    """A journal in a folder. What a full disk or a power cut left of its last line is cut off."""

    def __init__(self, path: Path) -> None:
        self.path, self.where = path, str(path)
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise errors.NotWritable(
                f"{path} is a link or no regular file, and nothing is appended to what it leads to.\n"
                "  Put the journal itself there, or give another --out."
            )
        with writing(path):
            _cut_torn_line(path)
            super().__init__(str(path), JournalFileSymlinkLock(str(path), grace_period=_STALE_LOCK_S))

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append entries, or say that the disk is full."""
        with writing(self.path):
            super().append_logs(logs)


def _cut_torn_line(path: Path) -> None:
    whole = path.read_bytes() if path.exists() else b""
    end = whole.rfind(b"\n") + 1
    # Only then, for a dashboard may be writing a note of its own.
    if end < len(whole):
        os.truncate(path, end)


class _StoredJournal(CheckedJournal):
    """A journal on this machine that is copied into a bucket after every entry."""

    def __init__(self, store: Store) -> None:
        self.store, self.where = store, store.uri(JOURNAL)
        # For as long as this object lives.
        self.folder = tempfile.TemporaryDirectory(prefix="share_dist-study-")
        self.path = Path(self.folder.name) / JOURNAL
        if store.exists(JOURNAL):
            self.path.write_bytes(store.read(JOURNAL))
        super().__init__(str(self.path))

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append entries, and do not return before the bucket has them."""
        super().append_logs(logs)
        self.store.overwrite(JOURNAL, self.path.read_bytes())


class _Database(RDBStorage):
    """A study in a database, whose address, which may hold a password, goes into no file that Tune makes of us."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


def open_database(url: str) -> BaseStorage:
    """Return the database at `url`.

    Raises:
        errors.BadSetting: it is no address of a PostgreSQL database.
        errors.StudyRefused: it cannot be reached or does not let us in, or holds another program's tables.
        errors.ExtraMissing: its driver is not installed.
    """
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        # Without what the parser says, which holds the password.
        raise errors.BadSetting(f"the study's storage is no address that can be read{_WANTED}") from None
    if not address.drivername.startswith("postgresql") or not address.database:
        raise errors.BadSetting(f"the study's storage is an address of {address.drivername}{_WANTED}")
    # Behind the user's name one @ ends the password. With a second one, what follows the first is taken for the host,
    # which is asked for and named in errors.
    if url.partition("://")[2].partition(":")[2].count("@") > 1:
        raise errors.BadSetting(
            "the study's storage has more than one @ behind the user's name, so that its host cannot be told from its "
            "password.\n  Write %40 for an @ in the password, or keep the password in ~/.pgpass."
        )
    try:
        return _Database(url, engine_kwargs={"pool_pre_ping": True})
    except ImportError as error:
        raise errors.ExtraMissing(
            "a study in PostgreSQL needs its driver, which is not installed.\n  pip install 'share-dist[postgres]'"
        ) from error
    except (SQLAlchemyError, RuntimeError) as error:
        raise errors.StudyRefused(_refusal(address, error)) from None


def _refusal(address: URL, error: Exception) -> str:
    """Say why a database was refused, without the password, wherever it may stand."""
    where = f"{address.host}:{address.port or 5432}/{address.database}"
    text = (str(getattr(error, "orig", None) or error).strip() or type(error).__name__).splitlines()[0]
    if address.password:
        text = text.replace(str(address.password), MASK)
    text = without_password(text)
    if "password" in text:
        remedy = "Put the right one into ~/.pgpass or PGPASSWORD."
    elif "does not exist" in text or "connection" not in text:
        remedy = "Give a database of its own, empty or of this release's Optuna: `createdb sweeps`."
    else:
        remedy = f"See that PostgreSQL runs there and lets this machine in: `pg_isready -h {address.host}`."
    return f"the study's database at {where} cannot be used: {text}\n  {remedy}"


def holds_password(url: str) -> bool:
    """Whether a database's address has a password in it, wherever it may stand; so has one that cannot be read."""
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        return True
    return address.password is not None or "password" in address.query


def require_same_study(storage: BaseStorage, name: str, identity: dict[str, Any]) -> bool:
    """Refuse a study of this name that is of something else, and return whether there is one.

    Raises:
        errors.OtherRun: it has another space, recipe, objective or place; they are listed. It is left as it is.
    """
    if name not in optuna.get_all_study_names(storage):
        return False
    found = optuna.load_study(study_name=name, storage=storage)
    if IDENTITY not in found.user_attrs and not found.trials:
        # Its maker was killed in the middle.
        return False
    refuse_differences(
        found.user_attrs.get(IDENTITY),
        json.loads(json.dumps(identity)),
        otherwise=f"the study '{name}' is of another sweep",
        remedy="Choose another --name or --out, or give the settings of that sweep to continue it.",
    )
    return True


def begin_study(storage: BaseStorage, name: str, identity: dict[str, Any], figures: Sequence[str]) -> None:
    """Make a study with what it is of."""
    directions = [StudyDirection.MAXIMIZE] * len(figures)
    study = optuna.create_study(study_name=name, storage=storage, directions=directions, load_if_exists=True)
    study.set_metric_names(list(figures))
    study.set_user_attr(IDENTITY, json.loads(json.dumps(identity)))


def finished(trials: Iterable[optuna.trial.FrozenTrial]) -> list[optuna.trial.FrozenTrial]:
    """The trials that have ended, well or not."""
    return [trial for trial in trials if trial.state.is_finished()]


def unfinished(trials: Iterable[optuna.trial.FrozenTrial]) -> list[optuna.trial.FrozenTrial]:
    """The trials that were running when their driver died."""
    return [trial for trial in trials if trial.state == optuna.trial.TrialState.RUNNING]
