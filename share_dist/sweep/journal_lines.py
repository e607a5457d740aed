"""A study's journal whose lines carry a checksum each, so that a changed one is damage and no other figure."""

from __future__ import annotations

import json
from collections.abc import Generator
from typing import Any

from optuna.storages.journal import JournalFileBackend

from share_dist import errors
from share_dist.storage import line_checksum

CHECK = "check"


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
        for number, log in enumerate(super().read_logs(log_number_from), start=log_number_from + 1):
            if not is_unchanged(log):
                raise errors.DamagedFile(
                    f"{self.where} has changed since it was written: line {number} does not have its checksum.\n"
                    "  Run the sweep's command again: it leaves such lines out, and says which."
                )
            yield {name: value for name, value in log.items() if name != CHECK}


def is_unchanged(log: dict[str, Any]) -> bool:
    """Whether an entry has its checksum, or none."""
    text = _text({name: value for name, value in log.items() if name != CHECK})
    return CHECK not in log or log[CHECK] == line_checksum(text)


def _text(log: dict[str, Any]) -> str:
    # As Optuna writes it.
    return json.dumps(log, separators=(",", ":"))
