"""SMPL files: found by name, read without chumpy, and refused with a reason when they are not what they say."""

from __future__ import annotations

import pickle
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse

from share_dist.body import BodyConfig, load_body, smpl_arrays
from share_dist.body.find import KNOWN_NAMES
from share_dist.errors import BadSetting, BodyFilesMissing, DamagedFile, UnsafePickle


@pytest.fixture
def chumpy(monkeypatch):
    """A module that pickles like chumpy 0.70: classes in chumpy.ch and chumpy.reordering with their state."""
    ch, reordering = types.ModuleType("chumpy.ch"), types.ModuleType("chumpy.reordering")

    class Ch:
        def __init__(self, x):
            self.x = x

    class Select:
        def __init__(self, a, idxs, preferred_shape):
            self.a, self.idxs, self.preferred_shape = a, idxs, preferred_shape

    class Unknown:
        def __init__(self):
            self.terms = ["an", "expression"]

    for cls, module in ((Ch, ch), (Unknown, ch), (Select, reordering)):
        cls.__module__, cls.__qualname__ = module.__name__, cls.__name__
        setattr(module, cls.__name__, cls)
    for name, module in (("chumpy", types.ModuleType("chumpy")), ("chumpy.ch", ch), ("chumpy.reordering", reordering)):
        monkeypatch.setitem(sys.modules, name, module)
    return types.SimpleNamespace(Ch=Ch, Select=Select, Unknown=Unknown)


@pytest.fixture
def arrays(figure):
    return smpl_arrays(figure)


def write_npz(path, arrays):
    np.savez(path, **arrays)


def load_from(folder, gender="neutral"):
    return load_body.__wrapped__(BodyConfig(folder=folder, gender=gender))


@pytest.mark.slow
@pytest.mark.parametrize(("gender", "name"), [(g, n) for g, names in KNOWN_NAMES.items() for n in names])
def test_every_known_name_is_found_and_wins_over_the_figure(arrays, tmp_path, gender, name):
    arrays["v_template"] = arrays["v_template"] + np.float32(0.001)
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    if name.endswith(".npz"):
        write_npz(tmp_path / name, arrays)
    else:
        (tmp_path / name).write_bytes(pickle.dumps(arrays, protocol=2))
    body = load_from(tmp_path, gender)
    assert not body.is_builtin
    assert body.name.startswith(f"smpl-{gender}-")
    np.testing.assert_array_equal(body.v_template, arrays["v_template"])


def test_a_file_of_the_figure_has_the_figures_hash(figure, arrays, tmp_path):
    write_npz(tmp_path / "SMPL_NEUTRAL.npz", arrays)
    assert load_from(tmp_path).hash == figure.hash


def test_an_official_pickle_is_read_without_chumpy(figure, arrays, chumpy, tmp_path, monkeypatch):
    """Python 2 protocol, chumpy arrays and selections, a sparse regressor, and entries that nobody can evaluate."""
    many = np.concatenate([arrays["shapedirs"], np.zeros((6890, 3, 6), np.float32)], 2)
    content = arrays | {
        "v_template": chumpy.Ch(arrays["v_template"].astype(np.float64)),
        "shapedirs": chumpy.Select(chumpy.Ch(many), np.arange(many.size), many.shape),
        "J_regressor": scipy.sparse.csc_matrix(arrays["J_regressor"]),
        "kintree_table": np.where(arrays["kintree_table"] < 0, 4294967295, arrays["kintree_table"]).astype(np.uint32),
        "bs_style": "lbs",
        "J": chumpy.Unknown(),
    }
    (tmp_path / "basicModel_neutral_lbs_10_207_0_v1.0.0.pkl").write_bytes(pickle.dumps(content, protocol=2))
    for name in ("chumpy", "chumpy.ch", "chumpy.reordering"):
        monkeypatch.delitem(sys.modules, name)
    assert load_from(tmp_path).hash == figure.hash


def test_an_expression_in_place_of_an_array_is_named(arrays, chumpy, tmp_path):
    arrays["weights"] = chumpy.Unknown()
    (tmp_path / "SMPL_NEUTRAL.pkl").write_bytes(pickle.dumps(arrays, protocol=2))
    with pytest.raises(DamagedFile, match="'weights'"):
        load_from(tmp_path)


class Command:
    """What a hostile pickle does: runs a program while it is being read."""

    def __reduce__(self):
        return subprocess.check_call, (["touch", "/tmp/share-dist-was-here"],)


@pytest.mark.parametrize(
    ("intruder", "named"),
    [
        (Command(), "subprocess.check_call"),
        (getattr, "getattr"),
        (np.load, "load"),
        (types.SimpleNamespace(), "Simple"),
    ],
)
def test_a_pickle_with_any_other_class_is_refused_by_name(arrays, tmp_path, intruder, named):
    (tmp_path / "SMPL_NEUTRAL.pkl").write_bytes(pickle.dumps(arrays | {"extra": intruder}))
    with pytest.raises(UnsafePickle, match=named) as caught:
        load_from(tmp_path)
    assert "SMPL_NEUTRAL.pkl" in str(caught.value)
    assert "Get the file from the SMPL site again" in str(caught.value)
    assert not Path("/tmp/share-dist-was-here").exists()


@pytest.mark.parametrize(
    ("name", "change", "found"),
    [
        ("weights", lambda a: a[:, :20], r"shape \(6890, 20\)"),
        ("v_template", lambda a: np.where(np.arange(3) == 1, np.nan, a), "6890 values that are NaN"),
        ("shapedirs", lambda a: a.astype("U3"), "of <U3"),
        ("f", lambda a: a + 10, "to 6899"),
        ("kintree_table", lambda a: a[::-1], "parents"),
        ("J_regressor", lambda a: None, "only f, kintree_table"),
    ],
)
def test_a_wrong_array_is_named_with_what_was_found_and_wanted(arrays, tmp_path, name, change, found):
    changed = {key: change(array) if key == name else array for key, array in arrays.items()}
    write_npz(tmp_path / "SMPL_NEUTRAL.npz", {key: array for key, array in changed.items() if array is not None})
    with pytest.raises(DamagedFile, match=found) as caught:
        load_from(tmp_path)
    message = str(caught.value)
    assert f"'{name}'" in message
    assert str(tmp_path / "SMPL_NEUTRAL.npz") in message
    assert "Wanted:" in message


def test_an_npz_that_hides_objects_is_not_unpickled(arrays, tmp_path):
    arrays["weights"] = np.array([Command()], dtype=object)
    np.savez(tmp_path / "SMPL_NEUTRAL.npz", **arrays, allow_pickle=True)
    with pytest.raises(UnsafePickle, match=r"SMPL_NEUTRAL.npz asks for subprocess.check_call"):
        load_from(tmp_path)
    assert not Path("/tmp/share-dist-was-here").exists()


@pytest.mark.parametrize("name", ["SMPL_NEUTRAL.npz", "SMPL_NEUTRAL.pkl"])
def test_a_truncated_file_is_damaged(arrays, tmp_path, name):
    path = tmp_path / name
    if path.suffix == ".npz":
        write_npz(path, arrays)
    else:
        path.write_bytes(pickle.dumps(arrays))
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(DamagedFile, match="cannot be read as a body file"):
        load_from(tmp_path)


def test_an_empty_folder_says_what_was_looked_for_and_where_to_get_it(tmp_path):
    with pytest.raises(BodyFilesMissing) as caught:
        load_from(tmp_path)
    message = str(caught.value)
    assert f"no readable SMPL model for gender 'neutral' in {tmp_path}" in message
    assert "SMPL_NEUTRAL.npz, SMPL_NEUTRAL.pkl, basicmodel_neutral_lbs_10_207_0_v1.1.0.pkl" in message
    assert "the folder is empty" in message
    assert "smplify.is.tue.mpg.de" in message
    assert "built-in figure" in message


def test_another_genders_files_are_listed_as_found(arrays, tmp_path):
    (tmp_path / "SMPL_MALE.pkl").write_bytes(b"")
    with pytest.raises(BodyFilesMissing, match=r"Found: +SMPL_MALE\.pkl"):
        load_from(tmp_path, "female")


def test_a_folder_that_cannot_be_read_is_told_from_an_empty_one(tmp_path):
    with pytest.raises(BodyFilesMissing, match=r"Found: +nothing, the folder cannot be read \(No such file"):
        load_from(tmp_path / "absent")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(BodyFilesMissing, match=r"Found: +nothing, the folder cannot be read \(Not a directory\)"):
        load_from(tmp_path / "file/smpl")


def test_a_folder_means_the_same_to_processes_that_work_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/somebody")
    meant = BodyConfig(folder=tmp_path / "smpl", gender="male")
    assert BodyConfig(folder=Path("smpl"), gender="male").absolute() == meant
    assert BodyConfig(folder=Path("~/smpl")).absolute().folder == Path("/home/somebody/smpl")
    assert BodyConfig().absolute() == BodyConfig()
    with pytest.raises(BadSetting, match="there is no user 'nobody-of-that-name' here"):
        BodyConfig(folder=Path("~nobody-of-that-name/smpl")).absolute()
