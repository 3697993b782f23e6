"""What one run of `vaejob` shares: settings, store and hints, each made when a command first needs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from producer.asking import Asked
    from producer.hints import Hints
    from vae_core.settings import Settings
    from vae_core.storage.base import Store


class Session:
    """Carried through click as its `obj`. environ: the process's environment, read by `settings` alone.

    taker: what a command that submits a job is to hand it to instead, as when it is to be done later and again.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.debug = False
        self.taker: Callable[[Asked], None] | None = None

    @cached_property
    def settings(self) -> Settings:
        """Raises InvalidValue, naming the variable."""
        from vae_core.settings import read_settings

        return read_settings(self._environ)

    @cached_property
    def unknown_variables(self) -> list[str]:
        """VAEJOB_* variables that name no setting."""
        from vae_core.settings import unknown_variables

        return unknown_variables(self._environ)

    @cached_property
    def store(self) -> Store:
        """The store of VAEJOB_STORE, not contacted yet."""
        from vae_core.storage.opening import open_store

        return open_store(self.settings.store)

    @cached_property
    def hints(self) -> Hints:
        """Redis, not contacted yet."""
        from producer.hints import Hints

        return Hints(self.settings)


pass_session = click.make_pass_decorator(Session)
