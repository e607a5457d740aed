"""A journal with damaged lines: what can be read of it, with every trial's number as it was."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from optuna.distributions import json_to_distribution
from optuna.study import StudyDirection
from optuna.trial import TrialState

from share_dist.sweep.journal_lines import CREATE_TRIAL, DELETE_STUDY, MENDED, is_unchanged

Entry = dict[str, Any]

CREATE_STUDY, SET_PARAM, SET_STATE, DISCARD_TRIALS = 0, 5, 6, 10
_MOST_LOST = 100
"""Trials of which the lines that begin them are gone, one after the other; a line that needs more is damaged itself."""
_START = b'{"op_code"'


def _whole(value: Any) -> bool:
    return isinstance(value, int) and value >= 0


def _attribute(value: Any) -> bool:
    return isinstance(value, dict) and len(value) == 1


def _time(value: Any) -> bool:
    return value is None or bool(datetime.fromisoformat(value))


def _distributions(value: Any) -> bool:
    return all(json_to_distribution(text) for text in value.values())


_FIELDS: dict[int, dict[str, Callable[[Any], bool]]] = {
    CREATE_STUDY: {
        "study_name": lambda value: isinstance(value, str),
        "directions": lambda value: bool([StudyDirection(each) for each in value]),
    },
    DELETE_STUDY: {"study_id": _whole},
    2: {"study_id": _whole, "user_attr": _attribute},
    3: {"study_id": _whole, "system_attr": _attribute},
    CREATE_TRIAL: {"study_id": _whole, "datetime_start": _time},
    SET_PARAM: {
        "trial_id": _whole,
        "param_name": lambda value: isinstance(value, str),
        "param_value_internal": lambda value: isinstance(value, int | float),
        "distribution": lambda value: bool(json_to_distribution(value)),
    },
    SET_STATE: {
        "trial_id": _whole,
        "state": lambda value: bool(TrialState(value).name),
        "values": lambda value: value is None or all(isinstance(each, int | float) for each in value),
    },
    7: {"trial_id": _whole, "step": _whole, "intermediate_value": lambda value: isinstance(value, int | float)},
    8: {"trial_id": _whole, "user_attr": _attribute},
    9: {"trial_id": _whole, "system_attr": _attribute},
    DISCARD_TRIALS: {},
}
"""What Optuna reads of each kind of entry."""

_MAYBE: dict[str, Callable[[Any], bool]] = {
    "datetime_complete": _time,
    "distributions": _distributions,
    "params": lambda value: isinstance(value, dict),
}


@dataclass(frozen=True, slots=True)
class Mended:
    """What is left of a journal.

    Attributes:
        content: its readable lines, and new ones where a lost one began a trial or the study.
        damaged: numbers of the lines that were lost, from 1.
        begun: numbers of those among them that are made again, without what else they said.
        missing: numbers of lines in front of which there was none that begins what they tell of; it is made again.
        lost_study: whether later lines are of a study that no line creates, and none could be made.
    """

    content: bytes
    damaged: list[int]
    begun: list[int]
    missing: list[int]
    lost_study: bool


def mended(content: bytes, name: str = "", figures: int = 0) -> Mended:
    """Leave out what cannot be read of a journal, and keep every trial's number.

    Args:
        content: the journal's bytes.
        name: of its study, in case the line that creates it is lost.
        figures: how many figures the study has.
    """
    found = [_entry(line) for line in content.split(b"\n")]
    if not content or content.endswith(b"\n"):
        found.pop()
    begin = {"study_name": name, "directions": [int(StudyDirection.MAXIMIZE)] * figures, **_ours(CREATE_STUDY)}
    replay = _Replay(begin if name else None, _not_begun(found))
    for at, entry in enumerate(found):
        found[at] = replay.take(at, entry)
    kept = [each for at, entry in enumerate(found) for each in (*replay.before.get(at, ()), replay.made.get(at, entry))]
    text = "".join(json.dumps(entry, separators=(",", ":")) + "\n" for entry in kept if entry is not None)
    damaged = [at + 1 for at, entry in enumerate(found) if entry is None]
    begun, missing = ([at + 1 for at in sorted(each)] for each in (replay.made, replay.before))
    return Mended(text.encode(), damaged, begun, missing, replay.lost_study)


def _not_begun(found: list[Entry | None]) -> int:
    """How many trials are told of beyond those that a line begins."""
    entries = [entry for entry in found if entry]
    begun = sum(entry["op_code"] == CREATE_TRIAL for entry in entries)
    told = [entry["trial_id"] for entry in entries if entry.get("trial_id", begun + _MOST_LOST) < begun + _MOST_LOST]
    return max([0, *(trial + 1 - begun for trial in told)])


class _Replay:
    """Counts studies and trials as Optuna does, by the lines that begin them.

    Where a line speaks of a trial that has not begun, a damaged line before it must have begun that trial, or one that
    is gone.
    """

    def __init__(self, study: Entry | None, missing: int) -> None:
        self.study, self.missing = study, missing
        self.names: list[str] = []
        self.deleted: set[int] = set()
        self.trials = 0
        self.damaged: list[int] = []
        self.made: dict[int, Entry] = {}
        self.before: dict[int, list[Entry]] = {}
        self.lost_study = False
        self.last: Entry = {"study_id": 0, "datetime_start": None}

    def take(self, at: int, entry: Entry | None) -> Entry | None:
        """Return the line if it can stay."""
        if entry is None or (entry == self.last and entry["worker_id"] != MENDED):
            self.damaged.append(at)
            return None
        kind = entry["op_code"]
        if kind == CREATE_STUDY:
            self._create(entry["study_name"])
        elif entry.get("study_id", -1) >= len(self.names) or not self.names:
            self._study_is_lost(at)
        if "trial_id" in entry and not self._expect(at, entry["trial_id"]):
            return None
        if kind == DELETE_STUDY:
            self.deleted.add(entry["study_id"])
        elif kind == CREATE_TRIAL and entry["study_id"] not in self.deleted:
            self.trials += 1
            self.last = entry
        return entry

    def _create(self, name: str) -> None:
        if name not in self.names:
            self.names.append(name)

    def _study_is_lost(self, at: int) -> None:
        if self.study is None or self.names:
            self.lost_study = True
            return
        self._make(at, self.study, 0)
        self._create(self.study["study_name"])

    def _expect(self, at: int, trial: int) -> bool:
        """Begin trials up to this one where lines that did so were lost; return whether it has begun."""
        while self.trials <= trial < self.trials + len(self.damaged) + self.missing:
            about = {name: self.last[name] for name in ("study_id", "datetime_start")}
            self.missing -= not self.damaged
            self._make(at, {**about, **_ours(CREATE_TRIAL)}, -1)
            self.trials += 1
        return trial < self.trials

    def _make(self, at: int, entry: Entry, which: int) -> None:
        """Put an entry in a damaged line's place, or where there is none in front of the line that needs it."""
        if self.damaged:
            self.made[self.damaged.pop(which)] = entry
        else:
            self.before.setdefault(at, []).append(entry)


def _ours(kind: int) -> Entry:
    return {"op_code": kind, "worker_id": MENDED}


def _entry(line: bytes) -> Entry | None:
    """Read a line, also behind what a torn line or a power cut left before it; None if it is no entry."""
    for text in (line, line[max(line.rfind(_START), 0) :]):
        try:
            entry = json.loads(text.strip(b"\0 \t\r"))
            fields = _FIELDS[entry["op_code"]]
            checks = [fields[name](entry[name]) for name in fields]
            checks += [check(entry[name]) for name, check in _MAYBE.items() if name in entry]
            if all(checks) and isinstance(entry["worker_id"], str) and _agrees(entry) and is_unchanged(entry):
                return entry
        # Of any shape, the values of which the checks take apart.
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            continue
    return None


def _agrees(entry: Entry) -> bool:
    """Whether what an entry says is possible as a whole."""
    if entry["op_code"] == SET_PARAM:
        json_to_distribution(entry["distribution"]).to_external_repr(entry["param_value_internal"])
    if entry["op_code"] == CREATE_TRIAL:
        for name, value in entry.get("params", {}).items():
            json_to_distribution(entry["distributions"][name]).to_external_repr(value)
    state = TrialState(entry["state"]) if entry["op_code"] == SET_STATE else None
    started = state != TrialState.RUNNING or "datetime_start" in entry
    return started and (state is None or not state.is_finished() or "datetime_complete" in entry)
