"""When a schedule runs: a cron line in a time zone, as instants.

A slot is a minute of local time that the cron line matches. Where clocks are put forward, a slot that does not exist is
the next instant that does; where they are put back, one that comes twice is its first coming. A line that matches every
hour of the day goes by elapsed time instead: it neither pauses nor repeats for an hour.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
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
        self._fields = _fields(cron)
        self._elapsed = set(CronSim(" ".join(self._fields), datetime(2000, 1, 1)).hours) == _HOURS
        if self._elapsed:
            self._fields[1] = "*"

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
        line = " ".join(self._fields)
        if self._elapsed:
            yield from (slot.astimezone(UTC) for slot in CronSim(line, when.astimezone(self._zone)))
            return
        begin = when.astimezone(self._zone).replace(tzinfo=None) - _LONGEST_JUMP
        yield from map(self._instant, CronSim(line, begin))

    def _instant(self, local: datetime) -> datetime:
        """When local clocks first show this, or first show something later."""
        while True:
            instant = local.replace(tzinfo=self._zone).astimezone(UTC)
            if instant.astimezone(self._zone).replace(tzinfo=None) == local:
                return instant
            local += _MINUTE


def _zone(name: str) -> ZoneInfo:
    # Not whatever file ZoneInfo can open, and `localtime` is another zone on each machine.
    if name not in available_timezones() or name == "localtime":
        raise InvalidValue(
            f"--timezone {shown(name)!r} is unknown: a name of the IANA database, such as Asia/Kolkata or UTC"
        )
    return ZoneInfo(name)


def _fields(cron: str) -> list[str]:
    """The fields of a line that matches some day. Raises InvalidValue."""
    fields = cron.split()
    if len(fields) != _FIELDS or not _LINE.fullmatch(cron):
        raise InvalidValue(f"--cron {shown(cron)!r} is no cron line: {_EXPECTED}")
    try:
        never = next(CronSim(cron, datetime(2000, 1, 1)), None) is None
    except (CronSimError, ValueError) as error:
        what = str(error).removeprefix("Bad ").replace("-", " ")
        raise InvalidValue(f"--cron {shown(cron)!r} is no cron line, its {what} is wrong: {_EXPECTED}") from error
    if never:
        raise InvalidValue(f"--cron {shown(cron)!r} matches no day of any year: {_EXPECTED}")
    return fields
