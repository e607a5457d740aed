"""Which files of a folder and its subfolders are pictures, which cannot be, and which are somebody else's."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

ENDINGS = frozenset(
    ".jpg .jpeg .jpe .jif .jfi .jfif .mpo .png .apng .webp .bmp .dib .gif .tif .tiff .avif .ppm .pgm .pbm .pnm".split()
)

UNREAD_ENDINGS = frozenset(
    ".heic .heif .hif .heics .heifs .avci .jxl .jp2 .j2k .j2c .jpc .jpf .jpx .jxr .wdp .hdp .qoi .pam .pfm .svg "
    ".svgz .psd .psb .xcf .ai .eps .exr .hdr .tga .pcx .ico .icns .dds .raw .cr2 .cr3 .crw .nef .nrw .arw .srf "
    ".sr2 .dng .raf .orf .rw2 .pef .srw .x3f .3fr .fff .iiq .mef .mos .mrw .erf .kdc .dcr .rwl .gpr".split()
)
"""Pictures of kinds that are not read. Left out without a word, most of somebody's photos could be missing."""

_NOT_ENTERED = {"__MACOSX", "@eaDir", "lost+found", "$RECYCLE.BIN", "RECYCLER", "#recycle", "System Volume Information"}
"""Folders of previews, remnants and deleted files that systems make beside somebody's pictures."""

Stamp = tuple[int, int, int]
"""Size in bytes, and when content and entry changed last, in ns: while these stay, so does the content."""


@dataclass(slots=True)
class Listing:
    """What a folder holds.

    Attributes:
        files: stamps of the files that may be pictures, by their name from the folder, with slashes.
        faults: what is wrong with others, by name, in words that follow the name.
        unread: names of pictures that are not read.
        others: how many files are not looked at, such as text.
    """

    files: dict[str, Stamp] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)
    others: int = 0


def list_folder(folder: Path) -> Listing:
    """List a folder and its subfolders, links followed, each folder once; what begins with a dot is skipped.

    Raises:
        OSError: the folder itself cannot be listed.
    """
    found = Listing()
    os.scandir(folder).close()
    seen: set[tuple[int, int]] = set()
    # Links wait until all else is listed, so that a folder has its own name and not a link's.
    real, linked = [""], []
    while real or linked:
        place = real.pop() if real else linked.pop()
        try:
            status = os.stat(folder / place)
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(folder / place) as entries:
                for entry in sorted(entries, key=lambda entry: entry.name):
                    if not entry.name.startswith(".") and entry.name not in _NOT_ENTERED:
                        _note(entry, str(PurePosixPath(place, entry.name)), found, real, linked)
        except OSError as error:
            found.faults[f"{place}/"] = f"cannot be listed: {error.strerror or error}"
    # A camera's raw file or a telephone's HEIC beside a JPEG of the same name is the same shot.
    shots = {str(PurePosixPath(name).with_suffix("")) for name in found.files}
    found.unread = sorted(name for name in found.unread if str(PurePosixPath(name).with_suffix("")) not in shots)
    return found


def _note(entry: os.DirEntry[str], name: str, found: Listing, real: list[str], linked: list[str]) -> None:
    ending = PurePosixPath(name).suffix.lower()
    try:
        status = entry.stat()
    except OSError as error:
        # Without an ending it may have been a folder of pictures.
        if not ending or ending in ENDINGS | UNREAD_ENDINGS:
            found.faults[name] = _unreachable(entry, error)
        return
    if stat.S_ISDIR(status.st_mode):
        (linked if entry.is_symlink() else real).append(name)
    elif ending in ENDINGS and stat.S_ISREG(status.st_mode):
        found.files[name] = (status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    elif ending in ENDINGS:
        found.faults[name] = "is a pipe, a socket or a device, not a file"
    elif ending in UNREAD_ENDINGS:
        found.unread.append(name)
    else:
        found.others += 1


def _unreachable(entry: os.DirEntry[str], error: OSError) -> str:
    if isinstance(error, FileNotFoundError) and entry.is_symlink():
        return f"is a link to {os.readlink(entry.path)}, which is not there"
    return f"cannot be reached: {error.strerror or error}"
