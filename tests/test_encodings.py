"""Text files of ours are UTF-8 whatever a machine's locale says."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted(path for folder in ("share_dist", "jobs", "cluster") for path in (ROOT / folder).rglob("*.py"))


def in_the_locales_encoding(path: Path) -> list[int]:
    """Lines that open a text without naming its encoding."""
    found = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.Call) or any(word.arg == "encoding" for word in node.keywords):
            continue
        method = node.func.attr if isinstance(node.func, ast.Attribute) else None
        modes = [part.value for part in node.args if isinstance(part, ast.Constant) and isinstance(part.value, str)]
        if (method == "read_text" and not node.args) or (method == "write_text" and len(node.args) < 2):
            found.append(node.lineno)
        if isinstance(node.func, ast.Name) and node.func.id == "open" and not any("b" in mode for mode in modes):
            found.append(node.lineno)
    return found


@pytest.mark.parametrize("folder", ["share_dist", "jobs", "cluster"])
def test_no_text_is_read_or_written_in_the_locales_encoding(folder):
    found = {str(path): in_the_locales_encoding(path) for path in FILES if folder in path.parts}
    assert not {path: lines for path, lines in found.items() if lines}


def test_a_text_without_its_encoding_would_be_found(tmp_path):
    path = tmp_path / "x.py"
    path.write_text('a.read_text()\nb.write_text("x")\nopen("c")\nopen("d", "rb")\ne.read_text("utf-8")\n', "utf-8")
    assert in_the_locales_encoding(path) == [1, 2, 3]
