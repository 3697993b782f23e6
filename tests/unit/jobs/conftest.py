"""How long an example takes says nothing on a busy machine."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
settings.load_profile("unhurried")
