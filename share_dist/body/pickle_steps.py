"""What each opcode of a pickle does to the stack of a reader that only keeps records."""

from __future__ import annotations

import codecs
import re
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from share_dist.body.pickle_names import Made, Name, dictionary

if TYPE_CHECKING:
    from share_dist.body.pickles import Machine

MOST_ITEM_BYTES = 208 << 20
"""The largest string of an official file is 300 shape directions as escaped text, 0.15 GB."""

_LONG_TEXT = 256
"""One character above U+00FF makes each of the others of its text take four bytes. An array's bytes have none, and of
other texts nobody asks for more than the beginning."""


def _text(raw: bytes | bytearray) -> str:
    if len(raw) > _LONG_TEXT and re.search(rb"[\xc4-\xff]", raw):
        return str(raw[:_LONG_TEXT], "utf-8", "replace")
    return str(raw, "utf-8", "surrogatepass")


def _escaped_text(line: bytes) -> str:
    if len(line) > _LONG_TEXT and re.search(rb"\\U|\\u(?!00)", line):
        return str(line[:_LONG_TEXT], "raw-unicode-escape", "replace")
    return str(memoryview(line)[:-1], "raw-unicode-escape")


def _quoted(line: bytes) -> bytes:
    if len(line) < 3 or line[0] != line[-2] or line[:1] not in (b"'", b'"'):
        raise ValueError("a string without quotes")
    return codecs.escape_decode(memoryview(line)[1:-2])[0]


def _whole(raw: bytes | bytearray) -> int:
    if len(raw) > 16:
        raise ValueError(f"a whole number of {len(raw):,} bytes")
    return int.from_bytes(raw, "little", signed=True)


def _whole_in_digits(line: bytes) -> int | bool:
    if line in (b"00", b"01"):
        return line == b"01"
    if len(line) > 40:
        raise ValueError(f"a whole number of {len(line):,} digits")
    return int(line.removesuffix(b"L"))


Step = Callable[["Machine"], Any]


def _sized(length: str, decode: Callable[[Any], Any] = lambda raw: raw) -> Step:
    layout = struct.Struct(length)
    return lambda machine: machine.push(decode(machine.take(machine.unpack(layout))))


def _fixed(layout: str) -> Step:
    packed = struct.Struct(layout)
    return lambda machine: machine.push(machine.unpack(packed))


def _pushed(make: Callable[[], Any]) -> Step:
    return lambda machine: machine.push(make())


def _remembered(number: Callable[[Machine], int]) -> Step:
    def step(machine: Machine) -> None:
        machine.memo[number(machine)] = machine.stack[-1]

    return step


def _recalled(number: Callable[[Machine], int]) -> Step:
    return lambda machine: machine.push(machine.memo[number(machine)])


def _numbered(layout: str) -> Callable[[Machine], int]:
    packed = struct.Struct(layout)
    return lambda machine: machine.unpack(packed)


def _in_digits(machine: Machine) -> int:
    return int(machine.line())


def _tupled(count: int) -> Step:
    def step(machine: Machine) -> None:
        items = [machine.stack.pop() for _ in range(count)]
        machine.push(tuple(reversed(items)))

    return step


def _since_mark(make: Callable[[list], Any]) -> Step:
    return lambda machine: machine.push(make(machine.since_mark()))


def _mark(machine: Machine) -> None:
    machine.below.append(machine.stack)
    machine.stack = []


def _append(machine: Machine, items: list) -> None:
    if not isinstance(target := machine.stack[-1], list):
        raise ValueError(f"an item appended to {type(target).__name__}")
    target.extend(items)


def _set_items(machine: Machine, items: list) -> None:
    if not isinstance(target := machine.stack[-1], dict):
        raise ValueError(f"an item set in {type(target).__name__}")
    dictionary(items, into=target)


def _build(machine: Machine) -> None:
    state, target = machine.stack.pop(), machine.stack[-1]
    if isinstance(target, dict):
        return  # what an ordered dictionary has beside its items
    if not isinstance(target, Made) or target.state is not None:
        raise ValueError(f"a state for {type(target).__name__}")
    target.state = state


def _make_with_keywords(machine: Machine) -> None:
    keywords, args, by = machine.stack.pop(), machine.stack.pop(), machine.stack.pop()
    if keywords != {}:
        raise ValueError("an object made with keywords")
    machine.make(by, args)


def _made(machine: Machine) -> None:
    args, by = machine.stack.pop(), machine.stack.pop()
    machine.make(by, args)


def _made_since_mark(machine: Machine) -> None:
    by, *args = machine.since_mark()
    machine.make(by, tuple(args))


def _made_by_lines(machine: Machine) -> None:
    _named_by_lines(machine)
    by, args = machine.stack.pop(), machine.since_mark()
    machine.make(by, tuple(args))


def _named_by_lines(machine: Machine) -> None:
    machine.name(str(machine.line(), "utf-8"), str(machine.line(), "utf-8"))


def _named_by_stack(machine: Machine) -> None:
    name, module = machine.stack.pop(), machine.stack.pop()
    machine.name(module, name)


# The opcodes are described in Python's pickletools.
STEPS: dict[bytes, Step] = {
    b"\x80": lambda machine: machine.take(1),
    b"\x95": lambda machine: machine.take(8),
    b"(": _mark,
    b"0": lambda machine: machine.stack.pop(),
    b"1": lambda machine: machine.since_mark(),
    b"2": lambda machine: machine.push(machine.stack[-1]),
    b"N": _pushed(lambda: None),
    b"\x88": _pushed(lambda: True),
    b"\x89": _pushed(lambda: False),
    b"I": lambda machine: machine.push(_whole_in_digits(machine.line())),
    b"L": lambda machine: machine.push(_whole_in_digits(machine.line())),
    b"F": lambda machine: machine.push(float(machine.line())),
    b"J": _fixed("<i"),
    b"K": _fixed("<B"),
    b"M": _fixed("<H"),
    b"G": _fixed(">d"),
    b"\x8a": _sized("<B", _whole),
    b"\x8b": _sized("<i", _whole),
    b"S": lambda machine: machine.push(_quoted(machine.long_line())),
    b"V": lambda machine: machine.push(_escaped_text(machine.long_line())),
    b"U": _sized("<B"),
    b"T": _sized("<i"),
    b"C": _sized("<B"),
    b"B": _sized("<I"),
    b"\x8e": _sized("<Q"),
    b"\x96": _sized("<Q"),
    b"X": _sized("<I", _text),
    b"\x8c": _sized("<B", _text),
    b"\x8d": _sized("<Q", _text),
    b"p": _remembered(_in_digits),
    b"q": _remembered(_numbered("<B")),
    b"r": _remembered(_numbered("<I")),
    b"\x94": _remembered(lambda machine: len(machine.memo)),
    b"g": _recalled(_in_digits),
    b"h": _recalled(_numbered("<B")),
    b"j": _recalled(_numbered("<I")),
    b")": _pushed(tuple),
    b"\x85": _tupled(1),
    b"\x86": _tupled(2),
    b"\x87": _tupled(3),
    b"t": _since_mark(tuple),
    b"]": _pushed(list),
    b"l": _since_mark(list),
    b"}": _pushed(dict),
    b"d": _since_mark(dictionary),
    b"a": lambda machine: _append(machine, [machine.stack.pop()]),
    b"e": lambda machine: _append(machine, machine.since_mark()),
    b"s": lambda machine: _set_items(machine, [machine.stack.pop(), machine.stack.pop()][::-1]),
    b"u": lambda machine: _set_items(machine, machine.since_mark()),
    # What is in a set is never asked for.
    b"\x8f": _pushed(lambda: Made(Name("builtins", "set"), ())),
    b"\x90": lambda machine: machine.since_mark(),
    b"\x91": _since_mark(lambda items: Made(Name("builtins", "frozenset"), ())),
    b"c": _named_by_lines,
    b"\x93": _named_by_stack,
    b"R": _made,
    b"\x81": _made,
    b"\x92": _make_with_keywords,
    b"o": _made_since_mark,
    b"i": _made_by_lines,
    b"b": _build,
}
