"""The study: every trial with its settings, figures and fate, kept where it survives the driver."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import optuna
from optuna.storages import BaseStorage, RDBStorage
from optuna.study import StudyDirection
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from share_dist import errors
from share_dist.masking import MASK, without_password
from share_dist.storage import refuse_differences
from share_dist.sweep.journal import JOURNAL as JOURNAL
from share_dist.sweep.journal import StudyJournal
from share_dist.sweep.journal import open_journal as open_journal

IDENTITY = "sweep"
REASON, ROUNDS = "reason", "rounds"
"""What is kept of a trial besides settings and values: why it failed, and its figures after each round."""
REPEATS, FAILED_REPEATS = "repeats", "failed repeats"
"""What is kept of the study besides: finalists' figures on other seeds, or why there are none."""
BASE_COST = "base cost"
"""And what the survey of the base model cost, by which sharing is counted."""
_WANTED = ", but it must be postgresql://user@host/database.\n  Leave --storage out to keep a journal file in --out."

optuna.logging.set_verbosity(optuna.logging.WARNING)
logging.getLogger("alembic").setLevel(logging.WARNING)
warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)


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
    return address.password is not None or any("password" in name for name in address.query)


def require_same_study(storage: BaseStorage, name: str, identity: dict[str, Any]) -> bool:
    """Refuse a study of this name that is of something else, and return whether there is one.

    Raises:
        errors.OtherRun: it has another space, recipe, objective or place; they are listed. It is left as it is.
    """
    if name not in optuna.get_all_study_names(storage):
        return False
    found = optuna.load_study(study_name=name, storage=storage)
    mended = isinstance(storage, StudyJournal) and storage.mended
    if IDENTITY not in found.user_attrs and (mended or not found.trials):
        # Its maker was killed in the middle, or that line was damaged; the place's config.json is compared besides.
        return False
    refuse_differences(
        found.user_attrs.get(IDENTITY),
        json.loads(json.dumps(identity)),
        otherwise=f"the study '{name}' is of another sweep",
        remedy="Choose another --name or --out, or give the settings of that sweep to continue it.",
    )
    return True


def begin_study(storage: BaseStorage, name: str, identity: dict[str, Any], figures: Sequence[str]) -> None:
    """Make a study with what it is of; one that is there only learns that."""
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
