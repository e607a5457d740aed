"""Where a study lies: a journal that outlives its driver, or a real PostgreSQL; what cannot be used is refused."""

from __future__ import annotations

import json
import re
from contextlib import suppress

import optuna
import pytest
from postgres import PASSWORD
from ray import cloudpickle

from share_dist import errors
from share_dist.storage import FolderStore, inside, open_store
from share_dist.sweep.study import (
    JOURNAL,
    begin_study,
    holds_password,
    open_database,
    open_journal,
    require_same_study,
)

IDENTITY = {"space": {"rome.quantile": {"low": 0.3, "high": 0.9}}, "objectives": ["worst-tenth"]}


def new_study(storage, name="sweep"):
    return optuna.create_study(storage=storage, study_name=name, direction="maximize", load_if_exists=True)


def test_a_study_in_a_folder_is_found_again_by_another_process(tmp_path):
    study = new_study(open_journal(FolderStore(tmp_path)))
    study.enqueue_trial({"rome.quantile": 0.5})
    study.tell(study.ask({"rome.quantile": optuna.distributions.FloatDistribution(0.3, 0.9)}), 1.0)
    again = new_study(open_journal(FolderStore(tmp_path)))
    assert again.best_params == {"rome.quantile": 0.5}


@pytest.mark.slow
def test_a_lock_that_a_killed_process_left_on_the_journal_is_taken_over(tmp_path):
    new_study(open_journal(FolderStore(tmp_path)))
    (tmp_path / f"{JOURNAL}.lock").symlink_to(tmp_path / JOURNAL)
    study = new_study(open_journal(FolderStore(tmp_path)))
    study.tell(study.ask(), 2.0)
    assert study.best_value == 2.0


def test_a_study_in_a_bucket_is_there_after_every_entry(bucket):
    store = inside(open_store(bucket), "sweep")
    study = new_study(open_journal(store))
    study.tell(study.ask(), 1.0)
    assert new_study(open_journal(store)).best_value == 1.0


def test_a_line_that_a_full_disk_cut_short_costs_that_line_and_no_more(tmp_path):
    study = new_study(open_journal(FolderStore(tmp_path)))
    study.tell(study.ask(), 1.0)
    with open(tmp_path / JOURNAL, "ab") as journal:
        journal.write(b'{"op_code":6,"worker_')
    for _ in range(2):
        again = new_study(open_journal(FolderStore(tmp_path)))
        assert again.best_value == 1.0
        again.tell(again.ask(), 0.5)
    assert len(new_study(open_journal(FolderStore(tmp_path))).trials) == 3


def test_a_study_on_a_disk_that_is_full_says_so_and_goes_on_when_there_is_room(mounted):
    place = mounted("size=64k")
    study = new_study(open_journal(FolderStore(place)))
    study.tell(study.ask(), 1.0)
    with suppress(OSError):
        (place / "filler").write_bytes(bytes(100_000))
    with pytest.raises(errors.StorageFull):
        study.set_user_attr("long", "x" * 10_000)
    (place / "filler").unlink()
    again = new_study(open_journal(FolderStore(place)))
    again.tell(again.ask(), 2.0)
    assert new_study(open_journal(FolderStore(place))).best_value == 2.0


def test_a_study_of_another_space_is_refused_with_what_differs_and_left_as_it_is(tmp_path):
    storage = open_journal(FolderStore(tmp_path))
    assert not require_same_study(storage, "sweep", IDENTITY)
    begin_study(storage, "sweep", IDENTITY, ["worst_tenth_gain_percent"])
    assert require_same_study(storage, "sweep", IDENTITY)
    before = (tmp_path / JOURNAL).read_bytes()
    other = {"space": {"rome.quantile": {"low": 0.2, "high": 0.9}}, "objectives": ["everyday", "worst-tenth"]}
    with pytest.raises(errors.OtherRun, match=r"space.rome.quantile.low: 0.3 -> 0.2(.|\n)*another --name"):
        require_same_study(storage, "sweep", other)
    assert (tmp_path / JOURNAL).read_bytes() == before


def test_a_study_whose_maker_was_killed_before_it_said_what_it_is_of_is_begun_again(tmp_path):
    storage = open_journal(FolderStore(tmp_path))
    new_study(storage)
    assert not require_same_study(storage, "sweep", IDENTITY)
    begin_study(storage, "sweep", IDENTITY, ["worst_tenth_gain_percent"])
    assert require_same_study(storage, "sweep", IDENTITY)


def test_a_study_of_another_program_is_refused(tmp_path):
    storage = open_journal(FolderStore(tmp_path))
    study = new_study(storage)
    study.tell(study.ask(), 1.0)
    with pytest.raises(errors.OtherRun, match="another sweep"):
        require_same_study(storage, "sweep", IDENTITY)


@pytest.mark.parametrize(
    ("url", "holds"),
    [
        ("postgresql://me@host/x", False),
        ("postgresql://me:secret@host/x", True),
        ("postgresql://me:sec#ret@host/x", True),
        ("postgresql://me@host/x?password=secret", True),
        ("postgresql://me@host/x?sslpassword=secret", True),
        ("postgresql://me:secret@host:port/x", True),
    ],
)
def test_a_password_is_found_wherever_it_stands(url, holds):
    assert holds_password(url) == holds


@pytest.mark.slow
def test_a_password_goes_into_no_file_that_holds_our_parts(postgres):
    assert PASSWORD.encode() not in cloudpickle.dumps(open_database(postgres.url()))


def test_an_address_of_another_kind_is_refused():
    with pytest.raises(errors.BadSetting, match="postgresql://user@host/database"):
        open_database("mysql://user:secret@host/database")
    with pytest.raises(errors.BadSetting, match="postgresql://user@host"):
        open_database("postgresql://user:secret@host:port/x")


@pytest.mark.slow
def test_a_study_in_postgresql_is_found_again(postgres):
    postgres.ask("CREATE DATABASE sweeps")
    storage = open_database(postgres.url("sweeps"))
    begin_study(storage, "one", IDENTITY, ["worst_tenth_gain_percent"])
    study = new_study(storage, "one")
    study.tell(study.ask(), 3.0)
    storage = open_database(postgres.url("sweeps"))
    assert require_same_study(storage, "one", IDENTITY)
    assert new_study(storage, "one").best_value == 3.0
    with pytest.raises(errors.OtherRun, match="the study 'one' is of another sweep"):
        require_same_study(storage, "one", {**IDENTITY, "objectives": ["everyday"]})


def refusal(url):
    with pytest.raises(errors.StudyRefused) as refused:
        open_database(url)
    message = str(refused.value)
    assert PASSWORD not in message
    assert "horse" not in message
    assert refused.value.__cause__ is None
    return message


def test_a_wrong_password_is_refused_and_never_shown(postgres):
    message = refusal(postgres.url(password="wrong horse"))
    assert f"127.0.0.1:{postgres.port}/postgres cannot be used" in message
    assert "password authentication failed" in message
    assert "~/.pgpass or PGPASSWORD" in message


@pytest.mark.parametrize("password", ["right@horse", "right@horse/x", "@horse@", "right@horse:1", "a@horse/d?x"])
def test_a_password_with_an_at_sign_is_refused_before_its_end_is_asked_for_as_a_host(password):
    with pytest.raises(errors.BadSetting) as refused:
        open_database(f"postgresql://sweeper:{password}@127.0.0.1:9/postgres")
    message = str(refused.value)
    assert "%40" in message or "no address that can be read" in message
    assert "horse" not in message


@pytest.mark.parametrize("password", ["horse%40right", "horse/1", "horse:1", "horse#1", "horse%20right", "horse?x=1"])
def test_no_sign_of_a_password_makes_it_seen_when_the_server_is_away(password):
    refusal(f"postgresql://sweeper:{password}@127.0.0.1:9/postgres")


def test_a_database_that_is_not_there_is_refused_with_how_to_make_one(postgres):
    message = refusal(postgres.url("nowhere"))
    assert 'database "nowhere" does not exist' in message
    assert "createdb" in message


def test_a_server_that_does_not_answer_is_refused_with_how_to_look():
    message = refusal("postgresql://sweeper:right%20horse@127.0.0.1:9/postgres")
    assert "pg_isready" in message


def test_tables_of_another_program_are_refused_and_left_alone(postgres):
    postgres.ask("CREATE DATABASE foreigners")
    postgres.ask("CREATE TABLE studies (horse_number integer)", "foreigners")
    message = refusal(postgres.url("foreigners"))
    assert "a database of its own" in message


def test_tables_of_another_release_of_optuna_are_refused(postgres):
    postgres.ask("CREATE DATABASE older")
    open_database(postgres.url("older"))
    postgres.ask("UPDATE alembic_version SET version_num = 'v0.9.0.a'", "older")
    message = refusal(postgres.url("older"))
    assert "a database of its own" in message


def test_a_changed_figure_in_a_journal_is_left_out_and_lines_without_a_checksum_are_read(tmp_path, bucket, caplog):
    for store in (FolderStore(tmp_path), inside(open_store(bucket), "sweep")):
        study = new_study(open_journal(store))
        study.tell(study.ask(), 0.5)
        study.tell(study.ask(), 1.25)
        whole = store.read(JOURNAL)
        store.overwrite(JOURNAL, whole.replace(b"1.25", b"9.25"))
        assert new_study(open_journal(store)).best_value == 0.5
        assert re.search(rf"{JOURNAL}: what lines {len(whole.splitlines())} of it said is lost", caplog.messages.pop())
        # As an earlier version and dashboards write them.
        lines = [json.loads(line) for line in whole.splitlines()]
        plain = [json.dumps({name: value for name, value in line.items() if name != "check"}) for line in lines]
        store.overwrite(JOURNAL, "".join(f"{line}\n" for line in plain).encode())
        again = new_study(open_journal(store))
        again.tell(again.ask(), 2.5)
        assert new_study(open_journal(store)).best_value == 2.5
