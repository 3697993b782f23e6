"""Cron lines in time zones, as instants."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vae_core.errors import InvalidValue
from vae_core.schedules.slots import Slots


def local(cron: str, zone: str, after: str, count: int = 3) -> Sequence[str]:
    """The next slots, as the zone's clocks show them."""
    slots = Slots(cron, zone)
    begin = datetime.fromisoformat(after).replace(tzinfo=UTC)
    return [f"{slot.astimezone(slots.zone):%d %H:%M %z}" for slot in islice(slots.after(begin), count)]


@pytest.mark.parametrize(
    ("cron", "zone", "after", "slots"),
    [
        ("0 2 * * *", "Asia/Kolkata", "2026-11-22T20:00", ["23 02:00 +0530", "24 02:00 +0530"]),
        ("0 2 * * *", "UTC", "2026-11-23T02:00", ["24 02:00 +0000"]),
        ("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00", ["29 03:00 +0200", "30 02:30 +0200"]),
        ("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00", ["25 02:30 +0200", "26 02:30 +0100"]),
        ("*/20 2 * * *", "Europe/Berlin", "2026-03-28T12:00", ["29 03:00 +0200", "30 02:00 +0200"]),
        ("*/30 2 * * *", "Europe/Berlin", "2026-10-24T12:00", ["25 02:00 +0200", "25 02:30 +0200", "26 02:00 +0100"]),
        ("0 0-22/2 * * *", "Europe/Berlin", "2026-03-28T23:30", ["29 03:00 +0200", "29 04:00 +0200"]),
        ("15 * * * *", "Europe/Berlin", "2026-03-29T00:00", ["29 01:15 +0100", "29 03:15 +0200"]),
        ("15 * * * *", "Europe/Berlin", "2026-10-25T00:00", ["25 02:15 +0200", "25 02:15 +0100", "25 03:15 +0100"]),
        ("15 0-23 * * *", "Europe/Berlin", "2026-10-25T00:00", ["25 02:15 +0200", "25 02:15 +0100"]),
        ("0 0 * * *", "America/Santiago", "2026-09-05T12:00", ["06 01:00 -0300", "07 00:00 -0300"]),
        ("0 12 * * *", "Pacific/Apia", "2011-12-29T12:00", ["29 12:00 -1000", "31 00:00 +1400", "31 12:00 +1400"]),
        ("0 0 29 2 *", "UTC", "2026-01-01", ["29 00:00 +0000"]),
        ("0 9 * * MON-FRI", "UTC", "2026-11-27T10:00", ["30 09:00 +0000"]),
        ("0 0 L * *", "UTC", "2026-11-23", ["30 00:00 +0000", "31 00:00 +0000"]),
    ],
)
def test_slots_are_these_when_clocks_show_them(cron: str, zone: str, after: str, slots: Sequence[str]) -> None:
    assert local(cron, zone, after, len(slots)) == slots


@pytest.mark.parametrize(
    ("cron", "wrong"),
    [
        ("", "five fields"),
        ("* * * *", "five fields"),
        ("0 0 2 * * *", "five fields"),
        ("@daily", "five fields"),
        ("0 2 * * * \n", "five fields"),
        ("0 2 * * *\u00a0", "five fields"),
        ("9" * 5000 + " * * * *", "five fields"),
        ("61 * * * *", "its minute is wrong"),
        ("0 24 * * *", "its hour is wrong"),
        ("0 0 0 * *", "its day of month is wrong"),
        ("0 0 * 13 *", "its month is wrong"),
        ("0 0 * * 8", "its day of week is wrong"),
        ("*/0 * * * *", "its minute is wrong"),
        ("0 0 31 2 *", "its day of month is wrong"),
        ("0 0 30 2 *", "its day of month is wrong"),
    ],
)
def test_cron_line_is_refused_when_a_part_is_wrong(cron: str, wrong: str) -> None:
    with pytest.raises(InvalidValue, match=r"^--cron ") as caught:
        Slots(cron, "UTC")
    assert wrong in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "zone", ["", "utc", "Mars/Olympus", "localtime", "../UTC", "/etc/localtime", "Asia", "A" * 300]
)
def test_time_zone_is_refused_when_it_is_in_no_database(zone: str) -> None:
    with pytest.raises(InvalidValue, match=r"^--timezone ") as caught:
        Slots("0 2 * * *", zone)
    assert "Asia/Kolkata" in str(caught.value)


def test_latest_is_the_last_that_is_due_when_there_are_many() -> None:
    slots = Slots("*/5 * * * *", "Asia/Kolkata")
    long_ago, now = datetime(2001, 1, 1, tzinfo=UTC), datetime(2026, 11, 23, 10, 4, 59, tzinfo=UTC)
    began = time.process_time()
    assert slots.latest(long_ago, now) == datetime(2026, 11, 23, 10, tzinfo=UTC)
    assert time.process_time() - began < 1
    assert slots.latest(now - timedelta(minutes=2), now) is None
    assert slots.latest(datetime(2026, 11, 23, 10, tzinfo=UTC), now) is None  # the slot itself is settled


@settings(max_examples=60, deadline=None)
@given(
    cron=st.sampled_from(["30 2 * * *", "0 * * * *", "*/7 1-4 * * *", "0 0 1 * *", "45 23 * * SUN"]),
    zone=st.sampled_from(["Asia/Kolkata", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo"]),
    begin=st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),
    length=st.timedeltas(timedelta(0), timedelta(days=40)),
)
def test_latest_agrees_with_all_slots_when_looked_for_anywhere(
    cron: str, zone: str, begin: datetime, length: timedelta
) -> None:
    slots, until = Slots(cron, zone), begin + length
    found = []
    for slot in slots.after(begin):
        if slot > until:
            break
        found.append(slot)
    assert found == sorted(set(found))
    assert slots.latest(begin, until) == (found[-1] if found else None)
