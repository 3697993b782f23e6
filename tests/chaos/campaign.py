"""A run on one kind of store: the undisturbed twins, then round after round of faults, each checked at its end."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.checks import Result, check_job, left_lying, read_result
from tests.chaos.faults import ALL_KINDS, Scene, kinds_for, not_possible
from tests.chaos.feeding import Feeder
from tests.chaos.grounds import FILE
from tests.chaos.jobs import Order, lanes, short_order, write_inputs
from tests.chaos.journal import Journal
from tests.chaos.leases import Span, recoveries
from tests.chaos.machines import NoVictim
from tests.chaos.schedule import PlannedFault, make_schedule
from tests.chaos.stage import MACHINES, Stage, stage
from tests.chaos.stuck import Stuck, describe
from vae_core.jobs.job import Plan
from vae_core.jobs.layout import JOBS, JobKeys
from vae_core.jobs.parts import part_range

_STUCK_S = 300.0
_DRAIN_S = 600.0
_PART_S = 15.0
_VICTIM_TRIES = 60
_LOOK_S = 0.1


@dataclass(frozen=True, slots=True)
class Size:
    """round_faults: after how many faults all jobs are waited for and checked. inputs: of reconstruct jobs.

    scale: of the numbers of items of the other jobs; a store that is slow is given fewer. orders: kinds of jobs in each
    of the two rows.
    """

    round_faults: int = 10
    inputs: int = 240
    scale: float = 1.0
    orders: int = 3


@dataclass
class Survived:
    """A fault that was injected.

    next_commit_s: from its beginning to the first part that was committed, anywhere, after it was over.
    recovered_s: from its beginning to each lost part, plan or finish being taken by another; overlapped_s: the same
    where the next fault had begun by then. others_up: whether there was another machine that could take it.
    """

    planned: PlannedFault
    span: Span
    note: str
    others_up: bool
    next_commit_s: float = 0.0
    recovered_s: list[float] = field(default_factory=list)
    overlapped_s: list[float] = field(default_factory=list)


@dataclass
class Outcome:
    """All that a run has come to."""

    store: str
    seed: int
    folder: Path
    faults: list[Survived] = field(default_factory=list)
    not_possible: Mapping[str, str] = field(default_factory=dict)
    jobs: int = 0
    items: int = 0
    lost: int = 0
    differing: int = 0
    stuck: int = 0
    done_twice: int = 0
    given_up: int = 0
    unattributed: int = 0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return not (self.problems or self.lost or self.differing or self.stuck)


class Campaign:
    """One run, which `run` begins and ends."""

    def __init__(self, on: Stage, seed: int, faults: int, size: Size, kinds: Sequence[str] = ()) -> None:
        """kinds: of faults, in place of all that there are for the store."""
        self._stage = on
        self._size = size
        self._journal = on.journal
        self._scale = size.scale
        self._rows = [row[: size.orders] for row in lanes(on.ground.source_url, size.inputs, size.scale)]
        missing = not_possible(on)
        wanted = [kind for kind in kinds or kinds_for(on.ground.kind) if kind not in missing]
        self._schedule = make_schedule(seed, faults, wanted, MACHINES)
        self._twins: dict[str, Result] = {}
        self.outcome = Outcome(on.ground.kind, seed, on.folder, not_possible=missing)

    def run(self) -> Outcome:
        """Ends early, with what is known, when a job is stuck or refused; errors of the suite itself are raised."""
        began = time.monotonic()
        try:
            self._make_twins()
            size = self._size.round_faults
            for start in range(0, len(self._schedule), size):
                self._round(start // size + 1, self._schedule[start : start + size])
            self.outcome.problems.extend(left_lying(self._stage))
        except Stuck as stuck:
            self.outcome.stuck = max(1, len(stuck.jobs))
            self.outcome.problems.append(str(stuck))
            self._journal.note(f"{stuck}\n{describe(self._stage, stuck.jobs)}")
        except AssertionError as wrong:  # a command or a machine did what it must not
            self.outcome.problems.append(str(wrong))
        finally:
            self._account_for_leases()
            self.outcome.given_up = sum(machine.given_up for machine in self._stage.machines)
            self.outcome.seconds = time.monotonic() - began
        return self.outcome

    def _make_twins(self) -> None:
        write_inputs(self._stage.ground.source, self._size.inputs)
        orders = [*(order for row in self._rows for order in row), short_order(self._scale)]
        feeder = self._feeder([], "twin")
        for order in orders:
            feeder.submit(order)
        self._wait_for_all(feeder)
        store = self._stage.ground.store
        for job in feeder.jobs:
            self._twins[job.order.name] = read_result(store, job.job_id)
        store.delete([one.key for one in store.list(JOBS)])
        self._journal.note(f"{len(orders)} undisturbed jobs, {sum(t.plan.items for t in self._twins.values())} items")

    def _round(self, number: int, planned: Sequence[PlannedFault]) -> None:
        feeder = self._feeder(self._rows, f"r{number}")
        scene = Scene(self._stage, feeder, self._scale)
        feeder.start()
        try:
            self._wait_for_progress(feeder, 0)
            for fault in planned:
                time.sleep(fault.pause_s)
                survived = self._inject(scene, fault)
                self.outcome.faults.append(survived)
                self._wait_for_progress(feeder, feeder.settled())
                survived.next_commit_s = time.monotonic() - survived.span.began_at
        finally:
            self._stage.calm()
            feeder.cease()
        self._wait_for_all(feeder)
        self._check(feeder)

    def _inject(self, scene: Scene, fault: PlannedFault) -> Survived:
        kind = ALL_KINDS[fault.kind]
        for _ in range(_VICTIM_TRIES):
            if kind.aims_at_part:
                self._stage.wait_for_leased_part(_PART_S)
            others_up = all(machine.is_up for machine in self._stage.machines)
            began = time.monotonic()
            self._journal.note(f"fault {fault.number} {fault.kind} begins")
            try:
                note = kind.inject(scene, fault)
            except NoVictim as none:
                self._journal.note(f"fault {fault.number} {fault.kind} waits: {none}")
                time.sleep(1)
                continue
            except AssertionError as wrong:
                note = str(wrong)
                self.outcome.problems.append(f"fault {fault.number} {fault.kind}: {wrong}")
            self._journal.note(f"fault {fault.number} {fault.kind} is over: {note}")
            return Survived(fault, Span(began, time.monotonic()), note, others_up)
        raise Stuck(f"fault {fault.number} {fault.kind} has found no victim", [])

    def _wait_for_progress(self, feeder: Feeder, settled: int) -> None:
        """Until more is settled than that."""
        deadline = time.monotonic() + _STUCK_S
        while feeder.settled() <= settled:
            feeder.check()
            if time.monotonic() > deadline:
                raise Stuck(f"nothing was committed for {_STUCK_S:g} s", feeder.look())
            time.sleep(_LOOK_S)

    def _wait_for_all(self, feeder: Feeder) -> None:
        deadline = time.monotonic() + _DRAIN_S
        while left := feeder.look():
            feeder.check()
            if time.monotonic() > deadline:
                raise Stuck(f"jobs have not ended within {_DRAIN_S:g} s after the last fault", left)
            time.sleep(_LOOK_S)

    def _check(self, feeder: Feeder) -> None:
        store = self._stage.ground.store
        for job in feeder.jobs:
            verdict = check_job(store, self._stage.fleet, job, self._twins[job.order.name])
            self.outcome.jobs += 1
            self.outcome.items += verdict.items
            self.outcome.lost += verdict.lost
            self.outcome.differing += verdict.differing
            self.outcome.problems.extend(verdict.problems)
            for problem in verdict.problems:
                self._journal.note(problem)
            if not verdict.problems:  # those that are wrong stay, to be looked at
                store.delete([one.key for one in store.list(JobKeys(job.job_id).root)])
        self._journal.note(f"{len(feeder.jobs)} jobs checked; commands called again: {feeder.again}")

    def _feeder(self, rows: Sequence[Sequence[Order]], label: str) -> Feeder:
        return Feeder(self._stage.fleet, self._stage.ground.store, rows, label, self._journal)

    def _account_for_leases(self) -> None:
        watch = self._stage.leases
        spans = [fault.span for fault in self.outcome.faults]
        known = list(recoveries(watch.handovers, spans))
        for number, seconds, _ in known:
            fault, later = self.outcome.faults[number], spans[number + 1 :]
            overlapped = bool(later) and fault.span.began_at + seconds > later[0].began_at
            (fault.overlapped_s if overlapped else fault.recovered_s).append(seconds)
        self.outcome.unattributed = len(watch.handovers) - len(known)
        for claim, attempts in watch.attempts.items():
            twin = self._twins.get(claim.job_id.partition("-")[0])
            if attempts > 1 and twin is not None:
                self.outcome.done_twice += (attempts - 1) * _items_of(twin.plan, int(claim.what))


def _items_of(plan: Plan, part: int) -> int:
    return len(part_range(plan, part)) if 0 <= part < plan.parts else 0


def run_campaign(
    store: str,
    seed: int,
    faults: int,
    folder: Path,
    *,
    kinds: Sequence[str] = (),
    size: Size | None = None,
    aloud: bool = False,
) -> Outcome:
    """Everything from the first process to the last.

    folder: exists; logs and whatever is wrong stay in it. kinds: of faults, all that there are for the store if none.
    aloud: tell what happens on stderr.
    """
    journal = Journal(folder / "chaos.log", aloud=aloud)
    with stage(store, folder, seed, journal) as on:
        return Campaign(on, seed, faults, size or usual_size(store), kinds).run()


def usual_size(store: str) -> Size:
    return Size() if store == FILE else Size(inputs=96, scale=0.12)
