"""The floor plan of the house is a test: rooms import only rooms above them, heavy libraries stay in their room."""

from __future__ import annotations

import ast
import itertools
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "share_dist"
ROOMS = """
    errors masking seeds compiled geometry storage body camera scene render data models fitting losses metrics survey
    landscape rome video learning report fleet training config recipes loop sweep studies ops cli
""".split()
RAY_ROOMS = {"fleet", "training", "sweep", "studies", "ops", "cli"}
ONLY_IN = {
    "ray": RAY_ROOMS,
    "pyrender": {"render"},
    "OpenGL": {"render"},
    "smplx": {"body"},
    "deepspeed": {"training"},
    "boto3": {"storage"},
    "optuna": {"sweep"},
}
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_names(path: Path) -> set[str]:
    """Every module a file imports, anywhere in it, `from a import b` giving both a and a.b."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_rooms_above_its_own(path):
    own = ROOMS.index(room_of(path))
    used = {name.split(".")[1] for name in imported_names(path) if name.startswith("share_dist.")}
    below = {room for room in used - {"__version__"} if ROOMS.index(room) > own}
    assert not below, f"{room_of(path)} reaches down to {below}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_heavy_libraries_stay_in_their_room(path):
    used = {name.split(".")[0] for name in imported_names(path)}
    astray = {library for library in used & ONLY_IN.keys() if room_of(path) not in ONLY_IN[library]}
    assert not astray


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_module_says_what_it_is_and_stays_readable(path):
    text = path.read_text()
    assert ast.get_docstring(ast.parse(text))
    assert len(text.splitlines()) <= 320


def test_no_folder_lies_inside_a_room():
    nested = [p for p in PACKAGE.rglob("*") if p.is_dir() and p.parent != PACKAGE and p.name != "__pycache__"]
    assert not nested


def test_submission_scripts_hold_no_logic():
    for script in (ROOT / "jobs").glob("*.py"):
        assert len(script.read_text().splitlines()) <= 40, script


def captions_in_the_readme() -> dict[str, str]:
    """The part of the README's file tree below share_dist/: what it says of `room/`, `room.py` and `room/file.py`."""
    tree = (ROOT / "README.md").read_text().split("\nshare_dist/ ")[1].splitlines()[1:]
    found: dict[str, str] = {}
    room = ""
    for line in itertools.takewhile(lambda line: line.startswith("  "), tree):
        name, caption = line.split(maxsplit=1)
        inside_a_room = line.startswith("    ")
        room = room if inside_a_room else name
        path = room + name if inside_a_room else name
        assert path not in found, f"{path} stands in the README twice"
        found[path] = caption
    return found


def captions_in_the_code() -> dict[str, str]:
    """The same of the modules: the first line of each docstring, a room's from its __init__."""
    found = {}
    for path in MODULES:
        first = (ast.get_docstring(ast.parse(path.read_text())) or "").splitlines()[0]
        name = str(path.relative_to(PACKAGE)).removesuffix("__init__.py")
        found[name] = first.removesuffix(".")
    return found


def test_the_readme_shows_every_file_of_the_library_and_no_other():
    assert captions_in_the_readme().keys() == captions_in_the_code().keys()


def test_the_readme_says_of_every_file_what_the_file_says_of_itself():
    readme, code = captions_in_the_readme(), captions_in_the_code()
    differing = {name: (readme[name], code[name]) for name in readme.keys() & code.keys() if readme[name] != code[name]}
    assert not differing
