"""Where a study lies: a journal that outlives its driver, or a real PostgreSQL; what cannot be used is refused."""

from __future__ import annotations

import optuna
import pytest
from postgres import PASSWORD

from share_dist import errors
from share_dist.storage import FolderStore, inside, open_store
from share_dist.sweep.study import JOURNAL, open_storage, require_identity

IDENTITY = {"space": {"rome.quantile": {"low": 0.3, "high": 0.9}}, "objectives": ["worst-tenth"]}


def new_study(storage, name="sweep"):
    return optuna.create_study(storage=storage, study_name=name, direction="maximize", load_if_exists=True)


def test_a_study_in_a_folder_is_found_again_by_another_process(tmp_path):
    study = new_study(open_storage(None, FolderStore(tmp_path)))
    study.enqueue_trial({"rome.quantile": 0.5})
    study.tell(study.ask({"rome.quantile": optuna.distributions.FloatDistribution(0.3, 0.9)}), 1.0)
    again = new_study(open_storage(None, FolderStore(tmp_path)))
    assert again.best_params == {"rome.quantile": 0.5}


def test_a_lock_that_a_killed_process_left_on_the_journal_is_taken_over(tmp_path):
    new_study(open_storage(None, FolderStore(tmp_path)))
    (tmp_path / f"{JOURNAL}.lock").symlink_to(tmp_path / JOURNAL)
    study = new_study(open_storage(None, FolderStore(tmp_path)))
    study.tell(study.ask(), 2.0)
    assert study.best_value == 2.0


def test_a_study_in_a_bucket_is_there_after_every_entry(bucket):
    store = inside(open_store(bucket), "sweep")
    study = new_study(open_storage(None, store))
    study.tell(study.ask(), 1.0)
    assert new_study(open_storage(None, store)).best_value == 1.0


def test_a_study_of_another_space_is_refused_with_what_differs(tmp_path):
    study = new_study(open_storage(None, FolderStore(tmp_path)))
    require_identity(study, IDENTITY)
    require_identity(study, IDENTITY)
    other = {**IDENTITY, "space": {"rome.quantile": {"low": 0.2, "high": 0.9}}}
    with pytest.raises(errors.OtherRun, match=r"space.rome.quantile.low: 0.3 -> 0.2(.|\n)*another --name"):
        require_identity(study, other)


def test_a_study_of_another_program_is_refused(tmp_path):
    study = new_study(open_storage(None, FolderStore(tmp_path)))
    study.tell(study.ask(), 1.0)
    with pytest.raises(errors.OtherRun, match="another sweep"):
        require_identity(study, IDENTITY)


def test_an_address_of_another_kind_is_refused(tmp_path):
    with pytest.raises(errors.BadSetting, match="postgresql://user@host/database"):
        open_storage("mysql://user:secret@host/database", FolderStore(tmp_path))
    with pytest.raises(errors.BadSetting, match="postgresql://user@host"):
        open_storage("postgresql://user:secret@host:port/x", FolderStore(tmp_path))


def test_a_study_in_postgresql_is_found_again(postgres, tmp_path):
    postgres.ask("CREATE DATABASE sweeps")
    study = new_study(open_storage(postgres.url("sweeps"), FolderStore(tmp_path)), "one")
    require_identity(study, IDENTITY)
    study.tell(study.ask(), 3.0)
    storage = open_storage(postgres.url("sweeps"), FolderStore(tmp_path))
    assert new_study(storage, "one").best_value == 3.0
    with pytest.raises(errors.OtherRun, match="the study 'one' is of another sweep"):
        require_identity(new_study(storage, "one"), {**IDENTITY, "objectives": ["everyday"]})


def refusal(url, tmp_path):
    with pytest.raises(errors.StudyRefused) as refused:
        open_storage(url, FolderStore(tmp_path))
    message = str(refused.value)
    assert PASSWORD not in message
    assert "horse" not in message
    assert refused.value.__cause__ is None
    return message


def test_a_wrong_password_is_refused_and_never_shown(postgres, tmp_path):
    message = refusal(postgres.url(password="wrong horse"), tmp_path)
    assert f"127.0.0.1:{postgres.port}/postgres cannot be used" in message
    assert "password authentication failed" in message
    assert "~/.pgpass or PGPASSWORD" in message


def test_a_database_that_is_not_there_is_refused_with_how_to_make_one(postgres, tmp_path):
    message = refusal(postgres.url("nowhere"), tmp_path)
    assert 'database "nowhere" does not exist' in message
    assert "createdb" in message


def test_a_server_that_does_not_answer_is_refused_with_how_to_look(tmp_path):
    message = refusal("postgresql://sweeper:right%20horse@127.0.0.1:9/postgres", tmp_path)
    assert "pg_isready" in message


def test_tables_of_another_program_are_refused_and_left_alone(postgres, tmp_path):
    postgres.ask("CREATE DATABASE foreigners")
    postgres.ask("CREATE TABLE studies (horse_number integer)", "foreigners")
    message = refusal(postgres.url("foreigners"), tmp_path)
    assert "a database of its own" in message


def test_tables_of_another_release_of_optuna_are_refused(postgres, tmp_path):
    postgres.ask("CREATE DATABASE older")
    open_storage(postgres.url("older"), FolderStore(tmp_path))
    postgres.ask("UPDATE alembic_version SET version_num = 'v0.9.0.a'", "older")
    message = refusal(postgres.url("older"), tmp_path)
    assert "a database of its own" in message
