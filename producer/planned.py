"""What a plan says of each of its items: number, name, source, and the side files that it may have."""

from __future__ import annotations

from collections.abc import Iterable

from producer.faults import Fault
from vae_core.documents import load_inputs
from vae_core.errors import BadDocument, ObjectMissing
from vae_core.jobs.job import Job, Plan
from vae_core.jobs.layout import (
    EXTENSIONS,
    extremes_name,
    fitted_input_name,
    latents_name,
    member_name,
    reconstruction_name,
    sample_name,
    shard_name,
    sheet_names,
)
from vae_core.jobs.outputs import item_numbers, kept_inputs
from vae_core.jobs.parts import part_range
from vae_core.jobs.sources import Source
from vae_core.jobs.spec import InterpolateSpec, ReconstructSpec, known_items
from vae_core.storage.base import Store


class PlannedItems:
    """The items of a plan by their position in it; one part's inputs are held at a time.

    faults: what is wrong with the lists of inputs themselves, each told once.
    """

    def __init__(self, store: Store, job: Job, plan: Plan) -> None:
        self.faults: list[Fault] = []
        self.count = plan.items
        self._store = store
        self._job = job
        self._plan = plan
        self._numbers = item_numbers(job.spec, plan.items)
        self._walk = job.spec.walk if isinstance(job.spec, InterpolateSpec) else None
        self._kept_inputs = kept_inputs(job.spec, plan.items)
        self._part = -1
        self._keys: list[str] | None = None
        self._told: set[int] = set()
        expected = known_items(job.spec)
        if expected not in {None, plan.items}:
            raise BadDocument(f"plan.json of {job.job_id} has {plan.items} items: its spec has {expected}")

    def number_of(self, position: int) -> int:
        """The item's `index` in manifest and error list."""
        return self._numbers[position]

    def position_of(self, number: int) -> int | None:
        """Where in the plan the item of this `index` is, or None if it is not."""
        return self._numbers.position_of(number)

    def is_known(self, position: int) -> bool:
        """Whether it can be said what the item's source is; False where the list of its part cannot be read."""
        return not isinstance(self._job.spec, ReconstructSpec) or self._inputs_at(position) is not None

    def name_of(self, position: int) -> str:
        """What the item's output, or the shard that it lies in, is called, relative to the job's folder."""
        spec = self._job.spec
        if spec.shards:
            return shard_name(position // self._plan.part_size)
        if isinstance(spec, ReconstructSpec):
            return reconstruction_name(self.source_of(position) or "", spec.format)
        return sample_name(self.number_of(position), spec.format)

    def member_of(self, position: int) -> str | None:
        """What the item's output is called in its shard, None where it is a file of its own."""
        spec = self._job.spec
        return member_name(self.number_of(position), EXTENSIONS[spec.format]) if spec.shards else None

    def source_of(self, position: int) -> str | None:
        """The item's source as the manifest names it, None for an item that has none."""
        if self._walk is not None:
            number = self._walk.at_point(position)
            point = None if number is None else self._walk.points[number]
            return point.url if isinstance(point, Source) else None
        keys = self._inputs_at(position) if isinstance(self._job.spec, ReconstructSpec) else None
        return None if keys is None else keys[position % self._plan.part_size]

    def error_sources(self, position: int) -> set[str | None]:
        """What the item's source may be in the error list: a frame is between points, and any may have failed it."""
        if self._walk is None:
            return {self.source_of(position)}
        points = (self._walk.points[number] for number in self._walk.frames[position].points)
        return {None, *(point.url for point in points if isinstance(point, Source))}

    def side_names(self, part: int) -> set[str]:
        """The side files that the part may have."""
        names = {*sheet_names(part), latents_name(part), *self.fitted_names(part_range(self._plan, part))}
        if isinstance(self._job.spec, ReconstructSpec):
            names.add(extremes_name(part))
        return names | {shard_name(part)} if self._job.spec.shards else names

    def fitted_names(self, positions: range) -> Iterable[str]:
        """The fitted inputs that these items may have beside their outputs."""
        return [fitted_input_name(position) for position in self._kept_inputs if position in positions]

    def _inputs_at(self, position: int) -> list[str] | None:
        part = position // self._plan.part_size
        if part != self._part:
            self._part, self._keys = part, self._load(part)
        return self._keys

    def _load(self, part: int) -> list[str] | None:
        name = f"the inputs of part {part}"
        try:
            keys = [found.key for found in load_inputs(self._store, self._job.job_id, self._plan, part)]
        except ObjectMissing:
            self._tell(part, "missing", f"{name} are missing from the store")
            return None
        except BadDocument as error:
            self._tell(part, "unreadable", str(error))
            return None
        expected = len(part_range(self._plan, part))
        if len(keys) != expected:
            self._tell(part, "wrong_count", f"{name} are {len(keys):,}: {expected:,} were planned")
            return None
        return keys

    def _tell(self, part: int, code: str, message: str) -> None:
        if part not in self._told:
            self._told.add(part)
            self.faults.append(Fault(code=code, message=message))
