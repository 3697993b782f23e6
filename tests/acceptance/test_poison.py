"""An item that kills whoever works on it costs itself, and nothing else."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.conftest import MakeFleet
from tests.fleet import wait_for
from tests.pictures import write_cars

HOOK = Path(__file__).parents[1] / "hooks" / "poison"
MARK = "<poison>"


def test_one_item_is_listed_when_it_aborts_its_process_each_time(make_fleet: MakeFleet, tmp_path: Path) -> None:
    folder = tmp_path / "cars"
    write_cars(folder, 40)
    poisoned = folder / "car-023.png"
    # What follows the end of a PNG is ignored by everyone else.
    poisoned.write_bytes(poisoned.read_bytes() + MARK.encode())
    # A claim that lapses while its process takes its time to die would hide what that died of.
    fleet = make_fleet(PYTHONPATH=str(HOOK), POISON_MARK=MARK, VAEJOB_LEASE_S="20")
    worker = fleet.start_worker()
    fleet.vaejob("reconstruct", str(folder), "--part-size", "20", "--job-id", "j")
    fleet.vaejob("watch", "j", expect=3)
    errors = fleet.lines("j", "errors.jsonl")
    assert [(line["source"], line["code"]) for line in errors] == [("car-023.png", "worker_died")]
    assert {line["source"] for line in fleet.manifest("j")} == {
        f"car-{number:03}.png" for number in range(40) if number != 23
    }
    assert worker.log.count("the process that worked on it died") <= 5
    fleet.vaejob("verify", "j")
    assert wait_for("no open job", lambda: not list(fleet.store.list("open/")), 20)
