"""When a schedule runs: a cron line in a time zone, as instants.

A slot is a minute of local time that the cron line matches. Where clocks are put forward, a slot that does not exist is
the next instant that does; where they are put back, one that comes twice is its first coming. A line that matches every
hour of the day goes by elapsed time instead: it neither pauses nor repeats for an hour.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from vae_core.errors import InvalidValue
from vae_core.jobs.checks import shown

_LINE = re.compile(r"[0-9A-Za-z*,/#\- \t]{1,200}")
_EXPECTED = "five fields, minute, hour, day of month, month and day of week, such as '0 2 * * *'"
_FIELDS = 5
_HOURS = set(range(24))
# Local time may jump by a day, where a country moves across the date line.
_LONGEST_JUMP = timedelta(days=1, hours=1)
_MINUTE = timedelta(minutes=1)
_FIRST_LOOK = timedelta(hours=1)


class Slots:
    """The slots of a cron line.

    cron: five fields; lists, ranges, steps, names of months and days, `L` and `#` as cronsim reads them. timezone: a
    name of the IANA database. Raises InvalidValue, naming the part that is wrong.
    """

    def __init__(self, cron: str, timezone: str) -> None:
        self._zone = _zone(timezone)
        self._line = _line(cron)
        self._every_hour = CronSim(self._line, datetime(2000, 1, 1)).hours == _HOURS

    @property
    def zone(self) -> ZoneInfo:
        return self._zone

    def after(self, when: datetime) -> Iterator[datetime]:
        """The slots later than `when`, ascending, in UTC; without end, or until the line matches no day any more."""
        last = when.astimezone(UTC)
        for slot in self._ascending(last):
            if slot > last:
                last = slot
                yield slot

    def latest(self, after: datetime, until: datetime) -> datetime | None:
        """The last slot later than `after` and not later than `until`, in UTC, or None if there is none."""
        reach = _FIRST_LOOK
        while True:
            begin = max(after, until - reach)
            found = None
            for slot in self.after(begin):
                if slot > until:
                    break
                found = slot
            if found is not None or begin <= after:
                return found
            reach *= 4

    def _ascending(self, when: datetime) -> Iterator[datetime]:
        """Instants of local times from some time before `when` on."""
        begin = when.astimezone(self._zone).replace(tzinfo=None) - _LONGEST_JUMP
        times = CronSim(self._line, begin)
        yield from self._each_coming(times) if self._every_hour else map(self._first_coming, times)

    def _first_coming(self, local: datetime) -> datetime:
        """When local clocks first show this, or first show something later."""
        while True:
            instants = self._instants(local)
            if instants:
                return instants[0]
            local += _MINUTE

    def _each_coming(self, times: Iterable[datetime]) -> Iterator[datetime]:
        """All instants at which local clocks show one of the times, which ascend."""
        again: deque[datetime] = deque()  # second comings, which wait for first ones that are earlier
        for local in times:
            for instant in self._instants(local)[:1]:
                while again and again[0] < instant:
                    yield again.popleft()
                yield instant
            again.extend(self._instants(local)[1:])

    def _instants(self, local: datetime) -> list[datetime]:
        """None where clocks skip this time, two where they show it twice."""
        found = []
        for fold in (0, 1):
            instant = local.replace(tzinfo=self._zone, fold=fold).astimezone(UTC)
            if instant.astimezone(self._zone).replace(tzinfo=None) == local and instant not in found:
                found.append(instant)
        return found


@lru_cache(maxsize=1024)
def slots_of(cron: str, timezone: str) -> Slots:
    """The same as Slots, which takes a while to make, and never changes."""
    return Slots(cron, timezone)


@cache
def _zones() -> Collection[str]:
    """Names of zones that are the same everywhere: finding them takes long."""
    return available_timezones() - {"Factory", "localtime", "posixrules"}


def _zone(name: str) -> ZoneInfo:
    # Not whatever file ZoneInfo can open.
    if name not in _zones():
        raise InvalidValue(
            f"--timezone {shown(name)!r} is unknown: a name of the IANA database, such as Asia/Kolkata or UTC"
        )
    return ZoneInfo(name)


def _line(cron: str) -> str:
    """A line that matches some day. Raises InvalidValue."""
    if len(cron.split()) != _FIELDS or not _LINE.fullmatch(cron):
        raise InvalidValue(f"--cron {shown(cron)!r} is no cron line: {_EXPECTED}")
    try:
        never = next(CronSim(cron, datetime(2000, 1, 1)), None) is None
    except (CronSimError, ValueError) as error:
        what = str(error).removeprefix("Bad ").replace("-", " ")
        raise InvalidValue(f"--cron {shown(cron)!r} is no cron line, its {what} is wrong: {_EXPECTED}") from error
    if never:
        raise InvalidValue(f"--cron {shown(cron)!r} matches no day of any year: {_EXPECTED}")
    return cron
