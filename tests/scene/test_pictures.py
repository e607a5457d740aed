"""A folder of the user's pictures: what is taken from it, what is refused and how, and what is read only once."""

from __future__ import annotations

import io
import logging
import os
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from share_dist.errors import BadBackgrounds
from share_dist.scene import SceneConfig, SceneDistribution, decoding, find_pictures, kept, open_picture, pictures

WAIT_S = 0.05
"""Far above the coarseness of this disk's clock."""


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    """Nothing in this process's memory, and files count as settled at once."""
    pictures._checked.cache_clear()
    monkeypatch.setattr(kept, "_held", kept._Held())
    monkeypatch.setattr(pictures, "_SETTLED_S", WAIT_S / 2)


def save(path: Path, size=(64, 48), colour="red", **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path, **options)
    return path


def photo(path: Path, size=(1600, 1200)) -> Path:
    small = np.random.default_rng(0).integers(0, 255, (9, 12, 3), dtype=np.uint8)
    Image.fromarray(small).resize(size, Image.Resampling.BICUBIC).save(path)
    return path


@pytest.fixture
def decodes(monkeypatch):
    """The files that were decoded since."""
    files = []

    def counting(file):
        files.append(Path(os.readlink(f"/proc/self/fd/{file.fileno()}")).name)
        return decoding.decoded(file)

    monkeypatch.setattr(kept, "decoded", counting)
    return files


def another_start() -> None:
    """Forget what only this process knows."""
    pictures._checked.cache_clear()
    kept._held.__init__()


def refusal(folder: Path) -> str:
    with pytest.raises(BadBackgrounds) as refused:
        find_pictures(folder)
    return str(refused.value)


def test_subfolders_are_searched_and_names_have_slashes(tmp_path):
    for name in ("b.JPG", "a/c.png", "a/deep/er/d.tif", "x.jpg/e.webp"):
        save(tmp_path / name)
    assert [p.name for p in find_pictures(tmp_path)] == ["a/c.png", "a/deep/er/d.tif", "b.JPG", "x.jpg/e.webp"]


def test_what_systems_leave_beside_pictures_is_skipped(tmp_path):
    save(tmp_path / "good.jpg")
    for name in (
        "._good.jpg",
        ".DS_Store",
        "Thumbs.db",
        "notes.txt",
        "__MACOSX/._good.jpg",
        "@eaDir/good.jpg",
        "$RECYCLE.BIN/good.jpg",
        ".t/x.jpg",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"\0\5\26\7")
    assert [p.name for p in find_pictures(tmp_path)] == ["good.jpg"]


def test_links_are_followed_and_loops_end(tmp_path):
    folder, other = tmp_path / "folder", tmp_path / "other"
    save(folder / "in" / "a.jpg"), save(other / "b.jpg"), save(tmp_path / "c.jpg")
    (folder / "a-loop").symlink_to(folder)
    (folder / "in" / "up").symlink_to("..")
    (folder / "there").symlink_to(other)
    (folder / "c.jpg").symlink_to(tmp_path / "c.jpg")
    assert [p.name for p in find_pictures(folder)] == ["c.jpg", "in/a.jpg", "there/b.jpg"]


def test_a_picture_is_known_by_its_content_and_not_by_its_ending(tmp_path):
    save(tmp_path / "png-inside.jpg", format="PNG")
    assert len(find_pictures(tmp_path)) == 1


def test_all_that_cannot_be_used_is_named_at_once_with_its_reason(tmp_path):
    save(tmp_path / "good.jpg")
    whole = save(tmp_path / "sub" / "half.png", (320, 240)).read_bytes()
    (tmp_path / "sub" / "half.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    (tmp_path / "away").symlink_to("/nowhere/pictures")
    (tmp_path / "self.png").symlink_to("self.png")
    (tmp_path / "phone.HEIC").write_bytes(b"\0\0\0\x18ftypheic")
    (tmp_path / "renamed.jpg").write_bytes(b"\0\0\0\x18ftypheic" + bytes(40))
    os.mkfifo(tmp_path / "pipe.jpg")
    save(tmp_path / "narrow.bmp", (8, 200))
    message = refusal(tmp_path)
    for words in (
        "9 of 10 files",
        "sub/half.png cannot be read",
        "empty.jpg cannot be read: it is empty",
        "gone.jpg is a link to ",
        "away is a link to /nowhere/pictures, which is not there",
        "self.png cannot be reached",
        "phone.HEIC is of a kind that is not read",
        "renamed.jpg cannot be read: it is a HEIC picture",
        "pipe.jpg is a pipe",
        "narrow.bmp is 8 × 200 pixels",
        "mogrify -format jpg *.HEIC",
    ):
        assert words in message
    assert "good.jpg" not in message


def test_a_bucket_is_no_folder_and_called_what_it_is():
    assert "s3://bucket/pictures is an address" in refusal(Path("s3://bucket/pictures").absolute())


def test_of_many_faulty_files_some_are_named_and_all_counted(tmp_path):
    for i in range(50):
        (tmp_path / f"{i:02d}.jpg").touch()
    message = refusal(tmp_path)
    assert "50 of 50 files" in message
    assert "and 30 more" in message
    assert len(message.splitlines()) < 30


def test_a_raw_file_beside_its_jpeg_is_the_same_shot(tmp_path):
    save(tmp_path / "IMG_1.jpg")
    (tmp_path / "IMG_1.CR2").write_bytes(b"raw")
    assert [p.name for p in find_pictures(tmp_path)] == ["IMG_1.jpg"]


def test_a_name_that_is_no_unicode_is_read_and_written(tmp_path):
    folder = os.fsencode(tmp_path)
    save(tmp_path / "a.jpg").rename(os.fsdecode(folder + b"/\xff\n.jpg"))
    found = SceneDistribution.from_config(SceneConfig(background_folder=tmp_path))
    assert SceneDistribution.from_json(found.to_json()) == found
    (tmp_path / os.fsdecode(b"\xfe.png")).touch()
    assert r"\udcfe.png cannot be read" in refusal(tmp_path)


def test_a_large_picture_is_decoded_once_for_all_starts_and_processes(tmp_path, cache, decodes):
    path = photo(tmp_path / "photo.jpg")
    wanted = decoding.decoded(io.BytesIO(path.read_bytes())).picture
    time.sleep(WAIT_S)
    for _ in range(2):
        (found,) = find_pictures(tmp_path)
        assert open_picture(str(path), found.sha256).convert("RGB").tobytes() == wanted.tobytes()
        another_start()
    assert decodes == ["photo.jpg"]


def test_files_that_are_as_they_were_are_not_read_again_and_changed_ones_are(tmp_path, decodes):
    for name in ("a.png", "b.png"):
        save(tmp_path / name)
    time.sleep(WAIT_S)
    before = find_pictures(tmp_path)
    another_start()
    assert find_pictures(tmp_path) == before
    assert sorted(decodes) == ["a.png", "b.png"]
    stamp = (tmp_path / "b.png").stat()
    content = bytearray(save(tmp_path / "new.png", colour="blue").read_bytes())
    (tmp_path / "new.png").unlink()
    (tmp_path / "b.png").write_bytes(content.ljust(stamp.st_size, b"\0"))
    os.utime(tmp_path / "b.png", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    another_start()
    assert find_pictures(tmp_path)[1] != before[1]
    assert sorted(decodes) == ["a.png", "b.png", "b.png"]


@pytest.mark.parametrize("damage", [lambda content: content[:-1], lambda content: b"", lambda content: b"junk" * 40])
def test_a_damaged_cache_is_made_again(tmp_path, cache, decodes, damage):
    path = photo(tmp_path / "photo.jpg")
    (found,) = find_pictures(tmp_path)
    wanted = open_picture(str(path), found.sha256).convert("RGB").tobytes()
    for file in cache.iterdir():
        file.write_bytes(damage(file.read_bytes()))
    another_start()
    assert find_pictures(tmp_path) == (found,)
    assert open_picture(str(path), found.sha256).convert("RGB").tobytes() == wanted
    assert len(decodes) >= 2


def test_where_nothing_can_be_kept_pictures_are_held_in_memory(tmp_path, monkeypatch, decodes, caplog):
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc")
    monkeypatch.setattr(kept.tempfile, "gettempdir", lambda: "/proc")
    path = photo(tmp_path / "photo.jpg")
    (found,) = find_pictures(tmp_path)
    for _ in range(3):
        open_picture(str(path), found.sha256)
    assert decodes == ["photo.jpg"] * 2
    assert "1 of 1 large background pictures are not kept reduced" in caplog.text


def test_a_strangers_link_in_the_temporary_folder_is_not_followed(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc")
    monkeypatch.setattr(kept.tempfile, "gettempdir", lambda: str(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"share_dist-pictures-{os.geteuid()}").symlink_to(tmp_path / "elsewhere")
    assert kept.kept_in() is None


def test_the_cache_is_bounded_and_what_was_long_unused_goes(tmp_path, cache, monkeypatch):
    monkeypatch.setattr(kept, "_MOST_KEPT_BYTES", 3_000_000)
    photo(save(tmp_path / "old" / "a.jpg"))
    (old,) = find_pictures(tmp_path / "old")
    assert kept.is_kept(old.sha256)
    before = time.time() - 2 * kept._UNUSED_S
    os.utime(cache / old.sha256, (before, before))
    photo(save(tmp_path / "new" / "b.jpg"), (1700, 1200))
    photo(save(tmp_path / "new" / "c.jpg"), (1800, 1200))
    new = find_pictures(tmp_path / "new")
    assert not kept.is_kept(old.sha256)
    # There is room for one of the two, and neither pushes out the other.
    assert sum(kept.is_kept(found.sha256) for found in new) == 1


def test_a_picture_that_was_exchanged_since_the_plan_is_refused(tmp_path):
    path = save(tmp_path / "a.png")
    (found,) = find_pictures(tmp_path)
    save(path, colour="blue")
    with pytest.raises(BadBackgrounds, match=r"a\.png cannot be read here: it is another file than when"):
        open_picture(str(path), found.sha256)


def test_a_long_start_says_how_far_it_is(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(pictures, "_FIRST_LINE_S", 0.0)
    for name in ("a.png", "b.png"):
        save(tmp_path / name)
    with caplog.at_level(logging.INFO, "share_dist"):
        find_pictures(tmp_path)
    assert "1/2 pictures read   50 %" in caplog.text
    assert "eta 0:00:" in caplog.text
