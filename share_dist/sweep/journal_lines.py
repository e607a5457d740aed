"""A study's journal whose lines carry a checksum each, so that a changed one is damage and no other figure."""

from __future__ import annotations

import json
from collections.abc import Generator
from typing import Any

from optuna.storages.journal import JournalFileBackend

from share_dist import errors
from share_dist.storage import line_checksum

CHECK = "check"
DELETE_STUDY, CREATE_TRIAL = 1, 4
MENDED = "mended"
"""The worker of lines that we made in place of lost ones."""


class CheckedJournal(JournalFileBackend):
    """Optuna's journal file with checksums; lines of earlier versions and of dashboards have none."""

    where: str
    """Its address, for messages."""

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append entries, each with its checksum."""
        super().append_logs([{**log, CHECK: line_checksum(_text(log))} for log in logs])

    def read_logs(self, log_number_from: int) -> Generator[dict[str, Any], None, None]:
        """Yield entries.

        Raises:
            errors.DamagedFile: one has changed since it was written.
        """
        if log_number_from == 0:
            self._trials = Trials()
        for number, log in enumerate(super().read_logs(log_number_from), start=log_number_from + 1):
            problem = self._trials.problem(log) if is_unchanged(log) else "does not have its checksum"
            if problem:
                raise errors.DamagedFile(
                    f"{self.where} has changed since it was written: line {number} {problem}.\n"
                    "  Run the sweep's command again: it leaves such lines out, and says which."
                )
            yield {name: value for name, value in log.items() if name != CHECK}


class Trials:
    """Counts the trials that a journal's lines begin; Optuna gives them numbers by that alone, and misses none."""

    def __init__(self) -> None:
        self.begun = 0
        self.deleted: set[Any] = set()
        self.newest: dict[str, Any] = {}

    def problem(self, log: dict[str, Any]) -> str | None:
        """Take the next line, and say by what it shows that one is there twice or not at all."""
        kind = log.get("op_code")
        if kind == DELETE_STUDY:
            self.deleted.add(log.get("study_id"))
        elif kind == CREATE_TRIAL:
            if log == self.newest and log.get("worker_id") != MENDED:
                return "begins a trial that another line has begun"
            self.newest = log
            self.begun += log.get("study_id") not in self.deleted
        elif log.get("trial_id", -1) >= self.begun:
            return "tells of a trial that no line begins"
        return None


def is_unchanged(log: dict[str, Any]) -> bool:
    """Whether an entry has its checksum, or none."""
    text = _text({name: value for name, value in log.items() if name != CHECK})
    return CHECK not in log or log[CHECK] == line_checksum(text)


def _text(log: dict[str, Any]) -> str:
    # As Optuna writes it.
    return json.dumps(log, separators=(",", ":"))
