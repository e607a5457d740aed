"""The study of forgetting: its table says what its figures say, and its variants differ where their names say."""

from __future__ import annotations

from dataclasses import asdict

from share_dist.studies import forgetting, proof

FOUND = {
    "before": {"all_cameras": 200.0, "everyday": 100.0},
    "after": {
        "some": {"1.0": {"all_cameras": 150.0, "everyday": 102.0}, "0.8": {"all_cameras": 160.0, "everyday": 99.0}}
    },
}


def test_the_table_gives_both_changes_at_every_step():
    assert forgetting.table(FOUND).splitlines()[0] == "| one round with | step 1.0 | step 0.8 |"
    assert "| some | -25.0, +2.0 | -20.0, -1.0 |" in forgetting.table(FOUND)


def test_variants_differ_from_the_demo_in_what_their_names_say():
    demo = flat(asdict(forgetting.DEMO))
    changed = {
        name: {key for key, value in flat(asdict(config)).items() if value != demo[key]}
        for name, config in forgetting.VARIANTS.items()
    }
    anchor = "losses.anchor"
    assert list(changed.values()) == [
        {anchor}, set(), {anchor}, {anchor, "learning.learning_rate"}, {anchor, "share.everyday_share"}
    ]  # fmt: skip


def test_no_seed_that_is_judged_is_tuned_on():
    assert forgetting.SEED not in proof.SEEDS


def flat(values: dict, path: str = "") -> dict:
    found = {}
    for key, value in values.items():
        found |= flat(value, f"{path}{key}.") if isinstance(value, dict) else {path + key: value}
    return found
