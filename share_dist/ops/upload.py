"""What a submission uploads: the working folder without histories, results, keys and licensed bodies; shown before."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

# The same walk by which Ray packs a folder, so that what is shown is what is sent.
from ray._private.runtime_env.packaging import _dir_travel, _get_excludes

from share_dist.errors import BadSetting

MOST_MB = 100.0
"""The head keeps every upload in its memory; our whole source is a tenth of this."""


def _in_any_case(pattern: str) -> str:
    return "".join(f"[{letter.lower()}{letter.upper()}]" if letter.isalpha() else letter for letter in pattern)


_BODIES = "*.pkl basicmodel* smpl_*.npz smpl_*.npy smplx_* smplh_* smpl smplx smplh smpl_python* mpips_smplify*"
EXCLUDES = list[str](
    """
    .git .hg .venv venv __pycache__ *.pyc *.egg-info .pytest_cache .ruff_cache .hypothesis .mypy_cache
    .ipynb_checkpoints /runs /results /data /build /dist node_modules
    .env .env.* *.pem *.key id_rsa* id_dsa* id_ecdsa* id_ed25519* .ssh .aws .netrc .boto auth_token credentials.json
""".split()
) + [_in_any_case(pattern) for pattern in _BODIES.split()]
"""Never sent, beside what .gitignore and .rayignore name: histories, results, caches; body files, whose licence forbids
it; keys."""


@dataclass(frozen=True, slots=True)
class Upload:
    """The files of a working folder that a job will find in its own."""

    folder: Path
    sizes: dict[str, int]
    """Bytes of each file, by its path below the folder."""

    @property
    def megabytes(self) -> float:
        """All files together."""
        return sum(self.sizes.values()) / 1e6

    def __str__(self) -> str:
        return f"{len(self.sizes)} files, {self.megabytes:.1f} MB of {self.folder}"


def look_through(folder: Path) -> Upload:
    """Return what would be sent of a folder.

    Raises:
        errors.BadSetting: it is no folder, or it is too large to be sent; the largest files are named.
    """
    folder = folder.absolute()
    if not folder.is_dir():
        raise BadSetting(f"working-dir is {folder}, but that is no folder.\n  Submit from the project's own folder.")
    sizes: dict[str, int] = {}

    def note(path: Path) -> None:
        if path.is_file():
            sizes[str(path.relative_to(folder))] = path.stat().st_size

    silent = logging.getLogger(f"{__name__}.walk")
    silent.setLevel(logging.WARNING)
    _dir_travel(folder, [_get_excludes(folder, EXCLUDES)], note, include_gitignore=True, logger=silent)
    upload = Upload(folder, sizes)
    if upload.megabytes > MOST_MB:
        largest = sorted(sizes.items(), key=lambda item: -item[1])[:5]
        named = ", ".join(f"{name} ({size / 1e6:.1f} MB)" for name, size in largest)
        raise BadSetting(
            f"{upload} would be sent, but at most {MOST_MB:g} MB may be. The largest: {named}.\n"
            "  Name what a job does not need in .gitignore or .rayignore, or move it out of the folder."
        )
    return upload
