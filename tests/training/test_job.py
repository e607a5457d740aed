"""What a training is, and what it refuses before it starts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save
from toys import JOB, LEARNING

from share_dist import errors
from share_dist.fleet import ClusterNode
from share_dist.models import ModelConfig
from share_dist.storage import FolderStore, commit, inside
from share_dist.training import DeepSpeedConfig, TrainingConfig, check, checkpoints, require_even_batches
from share_dist.training.elastic import largest_size, ranks_with_room
from share_dist.training.rank import BatchSlices, RankTask, run_rank
from share_dist.training.trainer import threads_each, with_settled_precision

STATE = {"model.weight": torch.arange(6.0), "exp_avg.weight": torch.ones(6)}


@pytest.mark.parametrize(
    ("name", "value"), [("workers", 0), ("zero_stage", 4), ("threads_per_worker", 0), ("min_workers", 2)]
)
def test_settings_that_cannot_work_are_refused_by_name(name, value):
    with pytest.raises(errors.BadSetting, match=f"training.{name.replace('_', '-')} is {value}"):
        TrainingConfig(**{name: value})


def test_a_batch_that_workers_cannot_share_evenly_is_refused_with_sizes_that_they_can():
    with pytest.raises(errors.BadSetting, match="16, which 3 workers cannot share evenly.\n.*15 or 18"):
        require_even_batches(LEARNING, TrainingConfig(workers=3))
    require_even_batches(LEARNING, TrainingConfig(workers=4))


def test_the_slices_of_all_ranks_are_the_batch_in_order():
    whole = BatchSlices(JOB, range(5, 24), 0, 1)
    parts = [BatchSlices(JOB, range(5, 24), rank, 4) for rank in range(4)]
    assert len(whole) == 19
    for step in (0, 7, 18):
        assert [number for part in parts for number in part[step]] == whole[step].tolist()
    assert [len(numbers) for numbers in parts[0]] == [4] * 19
    assert [list(numbers) for numbers in whole[2:4]] == [list(whole[2]), list(whole[3])]


def test_the_store_of_another_training_is_refused_and_the_difference_named(tmp_path):
    store = FolderStore(tmp_path)
    checkpoints.claim(JOB, store)
    checkpoints.claim(replace(JOB, name="the same under another name"), store)
    other = replace(JOB, learning=replace(LEARNING, learning_rate=0.5))
    with pytest.raises(errors.OtherRun, match=r"learning\.learning_rate: 0\.001 -> 0\.5"):
        checkpoints.claim(other, store)
    with pytest.raises(errors.OtherRun, match=r"start\.hidden: 32 -> 64"):
        checkpoints.claim(replace(JOB, start=ModelConfig(width=8, hidden=64, input_px=32)), store)
    assert json.loads(store.read("job.json"))["learning"]["learning_rate"] == 0.001


def test_a_damaged_description_of_a_training_is_an_error_that_says_what_to_do(tmp_path):
    store = FolderStore(tmp_path)
    store.write_once("job.json", b'{"seed": ')
    with pytest.raises(errors.DamagedFile, match=r"job\.json is not JSON(.|\n)*delete the folder"):
        checkpoints.claim(JOB, store)


def test_a_changed_description_of_a_training_is_damage_and_not_another_training(tmp_path):
    store = FolderStore(tmp_path)
    checkpoints.claim(JOB, store)
    store.overwrite("job.json", store.read("job.json").replace(b"0.001", b"0.002"))
    with pytest.raises(errors.DamagedFile, match=r"job\.json has changed since it was written(.|\n)*Delete it"):
        checkpoints.claim(JOB, store)


def test_a_long_list_of_differences_is_cut(tmp_path):
    store = FolderStore(tmp_path)
    store.write_once("job.json", json.dumps({f"setting_{n:02d}": n for n in range(40)}).encode())
    with pytest.raises(errors.OtherRun, match=r"\n    and \d+ more\n  Its checkpoints are not used"):
        checkpoints.claim(JOB, store)


def node(cpus=0.0, gpus=0.0, leaving=False, name="node", **more):
    room = {"free_cpus": cpus, "free_gpus": gpus} | more
    return ClusterNode(id=name, name=name, address="10.0.0.1", cpus=cpus, gpus=gpus, leaving=leaving, **room)


@pytest.mark.parametrize(
    ("nodes", "settings", "threads"),
    [
        ([node(2.0)], {}, 2),
        ([node(8.0)], {"workers": 3}, 2),
        ([node(2.0)], {"workers": 4}, 1),
        ([node(16.0), node(4.0)], {"workers": 2}, 4),
        ([node(), node(8.0), node(8.0)], {"workers": 2}, 8),
        ([node(0.5), node(8.0)], {"workers": 2}, 4),
        ([node(1.0, leaving=True), node(8.0)], {}, 8),
        ([node(4.0), node(32.0, gpus=4.0)], {"workers": 4, "use_gpu": True}, 8),
        ([node(2.0), node(8.0, labels={"share-role": "train"})], {"labels": "share-role=train"}, 8),
        ([], {}, 1),
        ([node(8.0)], {"threads_per_worker": 3}, 3),
    ],
)
def test_workers_share_the_cores_of_the_nodes_that_can_hold_them(nodes, settings, threads):
    """A head node is often there without a core, and with GPUs only nodes that have some count."""
    assert threads_each(TrainingConfig(**settings), nodes) == threads


@pytest.mark.parametrize(
    ("nodes", "ours", "settings", "ranks"),
    [
        ([node(2.0), node(4.0)], {}, {}, 6),
        ([node(2.0, free_cpus=0.6)], {}, {}, 1),
        ([node(2.0, free_cpus=0.1, name="a")], {"a": 1}, {}, 1),
        ([node(2.0, leaving=True), node(1.0)], {}, {}, 1),
        ([node(1.0), node(1.0, labels={"role": "render"})], {}, {"labels": "role=render"}, 1),
        ([node(8.0, gpus=2.0), node(8.0)], {}, {"use_gpu": True}, 2),
        ([node(8.0, gpus=2.0, free_gpus=0.0, name="a")], {"a": 2}, {"use_gpu": True}, 2),
        ([], {}, {}, 0),
    ],
)
def test_a_rank_needs_a_core_and_what_it_books_where_it_may_run(nodes, ours, settings, ranks):
    assert ranks_with_room(TrainingConfig(**settings), nodes, ours) == ranks


@pytest.mark.parametrize(
    ("room", "workers", "fewest", "parts", "size"),
    [(9, 4, None, 1, 4), (3, 4, None, 1, None), (3, 4, 1, 1, 2), (1, 4, 2, 1, None), (8, 8, 1, 4, 4)],
)
def test_the_largest_number_of_ranks_is_taken_that_shares_a_batch_of_16_evenly(room, workers, fewest, parts, size):
    deepspeed = DeepSpeedConfig(gradient_accumulation=parts)
    config = TrainingConfig(workers=workers, min_workers=fewest, deepspeed=deepspeed)
    assert largest_size(room, config, batch_size=16) == size


def test_precision_is_settled_once_so_that_a_resume_elsewhere_is_refused_not_mixed(tmp_path, monkeypatch):
    store, job = FolderStore(tmp_path), replace(JOB, learning=replace(LEARNING, precision="auto"))
    monkeypatch.setattr("share_dist.models.regressor.has_bf16", lambda device: True)
    checkpoints.claim(with_settled_precision(job, TrainingConfig()), store)
    monkeypatch.setattr("share_dist.models.regressor.has_bf16", lambda device: False)
    with pytest.raises(errors.OtherRun, match=r'learning\.precision: "bf16" -> "fp32"'):
        checkpoints.claim(with_settled_precision(job, TrainingConfig()), store)


def test_a_rank_that_does_not_see_the_drivers_folder_refuses_to_begin(tmp_path):
    """Its checkpoints would stay on its own node, where nobody looks for them."""
    task = RankTask(JOB, JOB.body, TrainingConfig(), FolderStore(tmp_path), None, "progress/toy", 1)
    with pytest.raises(errors.NotWritable, match=r"job\.json(.|\n)*every node mounts"):
        run_rank(task)


def test_the_newest_finished_checkpoint_counts_and_older_ones_go(tmp_path):
    store = FolderStore(tmp_path)
    assert checkpoints.latest_step(store) == 0
    for step in (8, 16, 24):
        checkpoints.save_state(store, step, STATE)
    store.overwrite("checkpoints/step-000032/state-0123456789ab.safetensors", b"killed while writing")
    assert checkpoints.latest_step(store) == 24
    loaded = checkpoints.load_state(store, 24)
    assert all(torch.equal(loaded[name], value) for name, value in STATE.items())
    assert {key.split("/")[1] for key in store.list("checkpoints")} == {f"step-0000{n}" for n in (16, 24, 32)}


def test_a_checkpoint_of_an_earlier_release_is_gone_on_with(tmp_path):
    """Its state was called state.safetensors, whatever it held."""
    stage = inside(FolderStore(tmp_path), "checkpoints/step-000008")
    data = save(STATE)
    stage.write_once("state.safetensors", data)
    commit(stage, {"state.safetensors": data})
    assert checkpoints.latest_step(FolderStore(tmp_path)) == 8
    loaded = checkpoints.load_state(FolderStore(tmp_path), 8)
    assert all(torch.equal(loaded[name], value) for name, value in STATE.items())


def test_an_altered_checkpoint_is_refused_and_its_folder_named(tmp_path):
    store = FolderStore(tmp_path)
    checkpoints.save_state(store, 8, STATE)
    (path,) = Path(store.uri("checkpoints/step-000008")).glob("state-*.safetensors")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(
        errors.DamagedFile, match=r"step-000008/state-\w+\.safetensors has changed(.|\n)*Delete the folder"
    ):
        checkpoints.load_state(store, 8)


def spoil(store: FolderStore, step: int) -> None:
    (path,) = Path(store.uri(f"checkpoints/step-{step:06d}")).glob("state-*.safetensors")
    path.write_bytes(path.read_bytes()[:-1])


def test_damaged_checkpoints_go_when_one_before_them_is_intact(tmp_path):
    store = FolderStore(tmp_path)
    checkpoints.save_state(store, 8, STATE)
    checkpoints.save_state(store, 16, STATE)
    assert not checkpoints.drop_damaged(store)
    assert checkpoints.latest_step(store) == 16
    spoil(store, 16)
    assert checkpoints.drop_damaged(store)
    assert checkpoints.latest_step(store) == 8
    checkpoints.save_state(store, 16, STATE)
    checkpoints.load_state(store, 16)


def test_when_every_checkpoint_is_damaged_all_stay_for_the_user_to_look_at(tmp_path):
    store = FolderStore(tmp_path)
    for step in (8, 16):
        checkpoints.save_state(store, step, STATE)
        spoil(store, step)
    assert not checkpoints.drop_damaged(store)
    assert not checkpoints.drop_damaged(FolderStore(tmp_path / "none"))
    assert checkpoints.latest_step(store) == 16


def test_a_copy_that_somebody_made_of_a_checkpoint_is_passed_over(tmp_path):
    store = FolderStore(tmp_path)
    checkpoints.save_state(store, 8, STATE)
    (tmp_path / "checkpoints/step-000008").rename(tmp_path / "checkpoints/step-000008 (copy)")
    assert checkpoints.latest_step(store) == 0


def test_a_rank_that_was_given_up_and_comes_back_cannot_change_a_checkpoint(tmp_path):
    store, other = FolderStore(tmp_path), {"model.weight": torch.zeros(6)}
    checkpoints.save_state(store, 8, STATE)
    with pytest.raises(errors.OtherRun, match=r"manifest\.json already holds other bytes"):
        checkpoints.save_state(store, 8, other)
    loaded = checkpoints.load_state(store, 8)
    assert all(torch.equal(loaded[name], value) for name, value in STATE.items())


def test_a_finished_training_keeps_its_network_and_nothing_else(tmp_path):
    store = FolderStore(tmp_path)
    checkpoints.save_state(store, 8, STATE)
    assert checkpoints.finished_model(store) is None
    store.overwrite(checkpoints.MODEL, b"weights")
    assert checkpoints.finished_model(store) is None
    checkpoints.finish(store)
    assert checkpoints.finished_model(store) == b"weights"
    assert store.list("checkpoints") == []
    store.overwrite(checkpoints.MODEL, b"wei")
    with pytest.raises(errors.DamagedFile, match="has 3 bytes, but 7 were stored"):
        checkpoints.finished_model(store)


def test_this_machine_can_train():
    (finding,) = check()
    assert finding.ok, finding
    assert "deepspeed" in finding.detail


def test_ranks_talk_over_the_interface_that_has_the_nodes_address():
    from share_dist.training.network import interface_of

    assert interface_of("127.0.0.1") == "lo"
    assert interface_of("203.0.113.99") is None
