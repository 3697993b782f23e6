"""Job ids, tokens and seeds."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vae_core.errors import InvalidValue
from vae_core.jobs.ids import check_job_id, is_drawn, new_job_id, new_token, seed_for

NOON = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize("job_id", ["a", "7", "A.b_c-d", "20261123T132900-7f3a9c", "a..b", "x" * 128])
def test_id_is_accepted_when_it_matches(job_id: str) -> None:
    check_job_id(job_id)


@pytest.mark.parametrize(
    "job_id",
    [
        "",
        ".",
        "..",
        "../x",
        "a/b",
        "a/../b",
        "a\\b",
        "/abs",
        ".hidden",
        "-flag",
        "_x",
        "a b",
        " a",
        "a\n",
        "\na",
        "a\0",
        "a%2Fb",
        "a:b",
        "a~b",
        "é",
        "a١",
        "１２",
        "a\u200b",
        "x" * 129,
        None,
        5,
        b"a",
    ],
)
def test_error_names_flag_value_and_allowed_when_id_does_not_match(job_id: Any) -> None:
    with pytest.raises(
        InvalidValue, match=r"^--job-id ['\"].*['\"] is not allowed: 1 to 128 letters, digits, "
    ) as caught:
        check_job_id(job_id)
    assert str(caught.value).isprintable()


@given(st.text(max_size=140))
def test_id_is_one_safe_segment_when_it_is_accepted(text: str) -> None:
    try:
        check_job_id(text)
    except InvalidValue:
        return
    assert text.isascii()
    assert not {"/", "\\", "\n", "\0", "%"} & set(text)
    assert text[0] not in ".-_"


@given(st.datetimes(datetime(2000, 1, 1), datetime(9999, 12, 30)), st.timedeltas(timedelta(seconds=1), timedelta(1)))
def test_ids_sort_by_time_when_drawn(start: datetime, later: timedelta) -> None:
    start = start.replace(tzinfo=UTC)
    first, second = new_job_id(start), new_job_id(start + later)
    assert first < second
    check_job_id(first)
    assert is_drawn(first)


def test_id_is_in_utc_when_drawn_elsewhere() -> None:
    elsewhere = NOON.astimezone(timezone(timedelta(hours=-7)))
    assert new_job_id(elsewhere).startswith("20261123T120000-")


def test_ids_and_tokens_differ_when_drawn_at_the_same_time() -> None:
    assert len({new_job_id(NOON) for _ in range(100)}) > 95
    tokens = {new_token() for _ in range(1000)}
    assert len(tokens) == 1000
    assert all(re.fullmatch(r"[0-9a-f]{16}", token) for token in tokens)


@pytest.mark.parametrize(
    "job_id", ["mine", "20261123T132900-7f3a9c\n", "20261123T132900-7F3A9C", "x20261123T132900-7f3a9c"]
)
def test_id_is_not_drawn_when_a_caller_gave_it(job_id: str) -> None:
    assert not is_drawn(job_id)


def test_seed_is_the_same_for_ever_when_the_id_is() -> None:
    assert seed_for("20261123T132900-7f3a9c") == 658189454
    assert seed_for("20261123T132900-7f3a9d") != 658189454


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_seed_is_held_exactly_by_any_json_reader_when_drawn(job_id: str) -> None:
    assert 0 <= seed_for(job_id) < 2**32
