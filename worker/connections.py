"""Store, hints and sender of one process, each made when it is first asked for."""

from __future__ import annotations

from functools import cached_property

from celery import Celery

from vae_core.jobs.channels import Channels
from vae_core.settings import Settings
from vae_core.storage.base import Store
from vae_core.storage.opening import open_store
from worker.advancing import Advancer
from worker.hints import Hints
from worker.sender import CelerySender


class Connections:
    """What a role works with; each is made when it is first asked for, in the process that asks."""

    def __init__(self, settings: Settings, app: Celery) -> None:
        self.settings = settings
        self.channels = Channels(settings.queue)
        self._app = app

    @cached_property
    def store(self) -> Store:
        return open_store(self.settings.store)

    @cached_property
    def hints(self) -> Hints:
        return Hints(self.settings.broker_url, self.channels)

    @cached_property
    def sender(self) -> CelerySender:
        return CelerySender(self._app, self.channels)

    @cached_property
    def advancer(self) -> Advancer:
        return Advancer(self.store, self.hints, self.sender, self.settings)
