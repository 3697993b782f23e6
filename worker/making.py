"""From a part of a planned job to the kind that makes it, on this process's engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vae_core.documents import load_inputs, load_points
from vae_core.errors import DeviceFailed, InvalidValue, PermanentError, SourceNotAllowed
from vae_core.inputs import open_places
from vae_core.jobs.job import Failure, Job, Plan
from vae_core.jobs.spec import InterpolateSpec, ReconstructSpec, SampleSpec
from vae_core.settings import Settings
from vae_core.storage.base import Store
from worker.engines import Engines
from worker.fetching import Limits
from worker.interpolating import Interpolating
from worker.kinds import Kind
from worker.pointing import open_points
from worker.reconstructing import Reconstructing
from worker.sampling import Sampling

if TYPE_CHECKING:
    from vae_core.model.engine import Engine


class Undoable(PermanentError):
    """No machine can do the part: its job, plan or inputs are wrong. failure: what the part is given up with."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class Maker:
    """Gives what a part is made with."""

    def __init__(self, settings: Settings, store: Store, engines: Engines) -> None:
        self._settings = settings
        self._store = store
        self._engines = engines
        self._limits = Limits(settings.max_input_bytes, settings.max_input_pixels)

    def engine(self, plan: Plan) -> Engine:
        """The plan's engine. Raises BadCheckpoint, the store's errors, and DeviceFailed where its device is gone."""
        try:
            return self._engines.get(plan.checkpoint_sha256)
        except InvalidValue as error:
            raise DeviceFailed(str(error)) from error

    def halve_batches(self, too_large: Engine) -> None:
        """Those of that engine, for good, in this process. Raises DeviceFailed when they cannot be smaller."""
        self._engines.halve_batches(too_large)

    @property
    def halved_from(self) -> int | None:
        """The size that batches should have had, where they had to be halved."""
        return self._engines.halved_from

    def kind(self, job: Job, plan: Plan, part: int, engine: Engine) -> Kind:
        """What makes the part's items. Raises Undoable, and the store's errors."""
        try:
            return self._kind(job, plan, part, engine)
        except (InvalidValue, SourceNotAllowed) as error:
            raise Undoable(Failure(code=error.code, message=str(error))) from error

    def _kind(self, job: Job, plan: Plan, part: int, engine: Engine) -> Kind:
        spec = job.spec
        match spec:
            case SampleSpec():
                return Sampling(spec, engine)
            case InterpolateSpec():
                points = load_points(self._store, job.job_id, plan)
                return Interpolating(spec, engine, open_points(spec, points, self._settings), self._limits)
            case ReconstructSpec():
                inputs = load_inputs(self._store, job.job_id, plan, part)
                places = open_places(spec, self._settings)
                return Reconstructing(spec, engine, places, inputs, part * plan.part_size, self._limits)
