"""A short run of the chaos suite: `make chaos` does hundreds of faults in the same way."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.campaign import Size, run_campaign
from tests.chaos.report import lines

ON_FOLDER = ("kill_child", "term", "redis_kill", "full_disk", "doubled", "cancel_finish")
ON_BUCKET = ("kill_parent", "redis_reset", "store_503", "store_cut")


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("store", "kinds", "size"),
    [
        ("file", ON_FOLDER, Size(round_faults=6, inputs=120, scale=0.5, orders=1)),
        ("moto", ON_BUCKET, Size(round_faults=4, inputs=72, scale=0.1, orders=1)),
    ],
)
def test_every_item_comes_out_once_with_the_same_bytes_when_all_goes_wrong(
    store: str, kinds: tuple[str, ...], size: Size, tmp_path: Path
) -> None:
    outcome = run_campaign(store, 1, len(kinds), tmp_path, kinds=kinds, size=size)
    assert outcome.passed, "\n".join([*lines(outcome), f"logs: {tmp_path}"])
    assert {fault.planned.kind for fault in outcome.faults} == set(kinds) - outcome.not_possible.keys()
