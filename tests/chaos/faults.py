"""Every kind of fault: what is done to the stage, from its beginning to its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from producer.ending import request_cancel
from producer.hints import Hints
from tests.chaos.doubling import doubled
from tests.chaos.feeding import Feeder
from tests.chaos.grounds import FolderGround
from tests.chaos.jobs import short_order
from tests.chaos.machines import alive, freeze, kill, thaw
from tests.chaos.schedule import PlannedFault
from tests.chaos.stage import LEASE_S, Stage
from tests.fleet import wait_for
from tests.servers.faults import Fault, refusal
from vae_core.documents import load_plan
from vae_core.errors import NoSuchJob
from vae_core.jobs.layout import JobKeys

_DEATH_S = 10.0
_BRIEF_S = 120.0
_FOR_ALL = 10**9


class Scene(NamedTuple):
    """What a fault may need. scale: of the numbers of items, as in `lanes`."""

    stage: Stage
    feeder: Feeder
    scale: float


Inject = Callable[[Scene, PlannedFault], str]


class FaultKind(NamedTuple):
    """inject: does it, from beginning to end; what it returns goes into the journal. It raises NoVictim where the
    process that it would hit is not there. aims_at_part: wait until a part is being worked on."""

    inject: Inject
    aims_at_part: bool = True


def kill_child(scene: Scene, planned: PlannedFault) -> str:
    machine = scene.stage.wait_for_machine(planned.machine, _DEATH_S)
    kill(machine.child())
    return f"the child of {machine.name}"


def kill_parent(scene: Scene, planned: PlannedFault) -> str:
    machine = scene.stage.wait_for_machine(planned.machine, _DEATH_S)
    parent, child = machine.role("parts"), machine.child()
    kill(parent)
    wait_for("the death of the child of a killed parent", lambda: not alive(child), _DEATH_S)
    return f"the parts role of {machine.name}, whose child went with it"


def kill_control(scene: Scene, planned: PlannedFault) -> str:
    machine = scene.stage.machines[planned.machine]
    kill(machine.role("control"))
    return f"the control role of {machine.name}"


def kill_all(scene: Scene, planned: PlannedFault) -> str:
    """Both machines at once, or one of them."""
    machines = [scene.stage.machines[planned.machine]] if planned.strength < 0.5 else scene.stage.machines
    for machine in machines:
        machine.kill()
    time.sleep(planned.length_s)
    for machine in machines:
        machine.start()
    return f"{', '.join(machine.name for machine in machines)}, back after {planned.length_s:g} s"


def stop_cont(scene: Scene, planned: PlannedFault) -> str:
    machine = scene.stage.wait_for_machine(planned.machine, _DEATH_S)
    processes = [machine.child(), machine.role("parts")]
    length_s = LEASE_S + planned.length_s
    freeze(processes)
    try:
        time.sleep(length_s)
    finally:
        thaw(processes)
    return f"the parts role of {machine.name} for {length_s:g} s"


def term(scene: Scene, planned: PlannedFault) -> str:
    machine = scene.stage.wait_for_machine(planned.machine, _DEATH_S)
    try:
        status = machine.stop()
    finally:
        machine.start()
    if status:
        raise AssertionError(f"{machine.name} was told to stop and ended with status {status}")
    return machine.name


def redis_kill(scene: Scene, planned: PlannedFault) -> str:
    scene.stage.redis_server.kill()
    time.sleep(planned.length_s)
    scene.stage.redis_server.start()
    return f"back, empty, after {planned.length_s:g} s"


def flushall(scene: Scene, planned: PlannedFault) -> str:
    with scene.stage.redis() as client:
        keys = client.dbsize()
        client.flushall()
    return f"{keys} keys"


def client_kill(scene: Scene, planned: PlannedFault) -> str:
    with scene.stage.redis() as client:
        return f"{client.client_kill_filter(_type='normal', skipme=True)} connections"


def redis_reset(scene: Scene, planned: PlannedFault) -> str:
    proxy = scene.stage.proxy
    proxy.refusing = True
    count = proxy.reset_all()
    time.sleep(planned.length_s)
    proxy.calm()
    return f"{count} connections, and all new ones for {planned.length_s:g} s"


def redis_delay(scene: Scene, planned: PlannedFault) -> str:
    """Up to the time after which a client gives up, and beyond: both ways are delayed."""
    proxy = scene.stage.proxy
    proxy.delay_s = 0.2 + 3 * planned.strength
    time.sleep(planned.length_s + proxy.delay_s)
    delay_s, proxy.delay_s = proxy.delay_s, 0.0
    return f"each way by {delay_s:.1f} s"


def redis_cut(scene: Scene, planned: PlannedFault) -> str:
    answers = 1 + int(20 * planned.strength)
    scene.stage.proxy.cut_answers(answers)
    time.sleep(planned.length_s)
    scene.stage.proxy.calm()
    return f"up to {answers} answers"


def _storm(fault: Callable[[PlannedFault], Fault]) -> Inject:
    def inject(scene: Scene, planned: PlannedFault) -> str:
        storms = scene.stage.ground.storms
        if storms is None:
            raise RuntimeError("this store has no proxy before it")
        before, share = storms.hits, 0.3 + 0.7 * planned.strength
        storms.storm(fault(planned), share)
        time.sleep(planned.length_s)
        storms.calm()
        return f"{storms.hits - before} requests in {planned.length_s:g} s, {share:.0%} of them"

    return inject


def _reset(planned: PlannedFault) -> Fault:
    """Before the server has heard of it, or after it has done what was asked."""
    lost = int(planned.strength * 1000) % 2 == 0
    return Fault(times=_FOR_ALL, reset=not lost, lose=lost)


store_reset = _storm(_reset)
store_delay = _storm(lambda planned: Fault(times=_FOR_ALL, hold_s=planned.length_s))
store_cut = _storm(lambda planned: Fault(times=_FOR_ALL, cut=True))
store_503 = _storm(lambda planned: Fault(times=_FOR_ALL, answer=refusal(503, "SlowDown")))


def twice(scene: Scene, planned: PlannedFault) -> str:
    """Every message that is sent, pushed twice."""
    with doubled(scene.stage.redis_url, scene.stage.channels) as doubler:
        time.sleep(2 * planned.length_s)
    return f"{doubler.doubled} messages in {2 * planned.length_s:g} s"


def full_disk(scene: Scene, planned: PlannedFault) -> str:
    ground = scene.stage.ground
    if not isinstance(ground, FolderGround):
        raise RuntimeError("this store has no disk")
    taken = ground.fill()
    try:
        time.sleep(planned.length_s)
    finally:
        ground.free()
    return f"{taken / 2**20:.0f} MiB taken for {planned.length_s:g} s"


def cancel_finish(scene: Scene, planned: PlannedFault) -> str:
    """A job of its own is cancelled as its last part but one, or its last, has been committed."""
    store = scene.stage.ground.store
    job = scene.feeder.submit(short_order(scene.scale))
    job.may_be_cancelled = True
    keys = JobKeys(job.job_id)

    def left() -> int | None:
        try:
            plan = load_plan(store, job.job_id)
        except NoSuchJob:
            return None
        return None if plan is None else plan.parts - sum(1 for _ in store.list(keys.parts))

    wanted = 0 if planned.strength < 0.5 else 1
    deadline = time.monotonic() + _BRIEF_S
    while (found := left()) is None or found > wanted:
        if time.monotonic() > deadline:
            raise AssertionError(f"job {job.job_id} has not come to its last part in {_BRIEF_S:g} s")
        time.sleep(0.02)
    _cancel(scene, job.job_id)
    ended = "had ended" if store.stat(keys.end) is not None else "had not ended"
    return f"{job.job_id} with {found} parts to go; it {ended} when its cancellation was written"


def _cancel(scene: Scene, job_id: str) -> None:
    """What `vaejob cancel` does, in this process: the command takes longer to start than the moment lasts."""
    hints = Hints(scene.stage.fleet.settings)
    request_cancel(scene.stage.ground.store, hints, job_id, asked_by="chaos", asked_at="2026-01-01T00:00:00+00:00")


_EVERYWHERE = {
    "kill_child": FaultKind(kill_child),
    "kill_parent": FaultKind(kill_parent),
    "kill_control": FaultKind(kill_control, aims_at_part=False),
    "kill_all": FaultKind(kill_all),
    "stop_cont": FaultKind(stop_cont),
    "term": FaultKind(term),
    "redis_kill": FaultKind(redis_kill),
    "flushall": FaultKind(flushall),
    "client_kill": FaultKind(client_kill),
    "redis_reset": FaultKind(redis_reset),
    "redis_delay": FaultKind(redis_delay),
    "redis_cut": FaultKind(redis_cut),
    "doubled": FaultKind(twice, aims_at_part=False),
    "cancel_finish": FaultKind(cancel_finish, aims_at_part=False),
}
_OF_FOLDERS = {"full_disk": FaultKind(full_disk)}
_OF_BUCKETS = {
    "store_reset": FaultKind(store_reset),
    "store_delay": FaultKind(store_delay),
    "store_cut": FaultKind(store_cut),
    "store_503": FaultKind(store_503),
}
ALL_KINDS = {**_EVERYWHERE, **_OF_FOLDERS, **_OF_BUCKETS}


def kinds_for(store: str) -> tuple[str, ...]:
    """The kinds that a run on this store can have, whatever this machine allows."""
    return (*_EVERYWHERE, *(_OF_FOLDERS if store == "file" else _OF_BUCKETS))


def not_possible(stage: Stage) -> dict[str, str]:
    """The kinds that this machine does not allow, and why."""
    if isinstance(stage.ground, FolderGround) and stage.ground.why_no_disk:
        return {"full_disk": stage.ground.why_no_disk}
    return {}
