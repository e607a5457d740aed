"""The study: every trial with its settings, figures and fate, kept where it survives the driver."""

from __future__ import annotations

import json
import logging
import tempfile
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from share_dist import errors
from share_dist.storage import FolderStore, Store, refuse_differences

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


def open_storage(url: str | None, store: Store) -> BaseStorage:
    """Return where the study lies: the database at `url`, or the journal in the sweep's own place.

    Raises:
        errors.StudyRefused: the database cannot be reached or does not let us in, or holds another program's tables.
        errors.ExtraMissing: the database's driver is not installed.
    """
    if url is not None:
        return _database(url)
    if isinstance(store, FolderStore):
        return _journal(store.root / JOURNAL)
    return JournalStorage(_StoredJournal(store))


def _journal(path: Path) -> JournalStorage:
    lock = JournalFileSymlinkLock(str(path), grace_period=_STALE_LOCK_S)
    return JournalStorage(JournalFileBackend(str(path), lock_obj=lock))


class _StoredJournal(JournalFileBackend):
    """A journal on this machine that is copied into a bucket after every entry; the sweep's driver alone writes it."""

    def __init__(self, store: Store) -> None:
        self.store = store
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


def _database(url: str) -> RDBStorage:
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        # Without what the parser says, which holds the password.
        raise errors.BadSetting(f"the study's storage is no address that can be read{_WANTED}") from None
    if not address.drivername.startswith("postgresql") or not address.database:
        raise errors.BadSetting(f"the study's storage is an address of {address.drivername}{_WANTED}")
    try:
        return RDBStorage(url, engine_kwargs={"pool_pre_ping": True})
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
        text = text.replace(str(address.password), "***")
    if "password" in text:
        remedy = "Put the right one into ~/.pgpass or PGPASSWORD."
    elif "does not exist" in text or "connection" not in text:
        remedy = "Give a database of its own, empty or of this release's Optuna: `createdb sweeps`."
    else:
        remedy = f"See that PostgreSQL runs there and lets this machine in: `pg_isready -h {address.host}`."
    return f"the study's database at {where} cannot be used: {text}\n  {remedy}"


def require_identity(study: optuna.Study, identity: dict[str, Any]) -> None:
    """Write what the study is of, or refuse one of the same name that is of something else.

    Raises:
        errors.OtherRun: it has another space, recipe or objective; they are listed.
    """
    found = study.user_attrs.get(IDENTITY)
    if found is None and not study.trials:
        study.set_user_attr(IDENTITY, json.loads(json.dumps(identity)))
        return
    refuse_differences(
        found,
        json.loads(json.dumps(identity)),
        otherwise=f"the study '{study.study_name}' is of another sweep",
        remedy="Choose another --name or --out, or give the settings of that sweep to continue it.",
    )


def finished(trials: Iterable[optuna.trial.FrozenTrial]) -> list[optuna.trial.FrozenTrial]:
    """The trials that have ended, well or not."""
    return [trial for trial in trials if trial.state.is_finished()]


def unfinished(trials: Iterable[optuna.trial.FrozenTrial]) -> list[optuna.trial.FrozenTrial]:
    """The trials that were running when their driver died."""
    return [trial for trial in trials if trial.state == optuna.trial.TrialState.RUNNING]
