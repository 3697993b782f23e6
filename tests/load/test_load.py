"""Both load programs, run for some seconds: that they come to their figures, and find nothing wrong."""

from __future__ import annotations

import json
from pathlib import Path

from tests.load import crowd_report, soak_report
from tests.load.crowd import run_crowd
from tests.load.events import OTHER_SPEC, SAME_SPEC
from tests.load.processes import SUBMITTER, WORKING
from tests.load.site import FILE
from tests.load.soak import run_soak


def test_soak_passes_when_it_is_short(tmp_path: Path) -> None:
    outcome = run_soak(FILE, 0.1, tmp_path)
    assert outcome.problems == []
    assert outcome.jobs >= 4
    assert outcome.errors > 0
    assert set(outcome.trends) == {*WORKING, SUBMITTER}
    said = "\n".join(soak_report.lines(outcome))
    assert "passed" in said
    assert all(name in said for name in WORKING)
    json.dumps(soak_report.as_data(outcome))


def test_crowd_passes_when_it_is_short(tmp_path: Path) -> None:
    outcome = run_crowd(FILE, 0.1, tmp_path, submitters=2)
    assert outcome.problems == []
    jobs = outcome.jobs()
    assert jobs.keys() == {one.job_id for one in outcome.asked}
    same, other = outcome.meetings(SAME_SPEC), outcome.meetings(OTHER_SPEC)
    assert same["ids"] > 0
    assert other["conflicts"] == other["ids"] > 0
    said = "\n".join(crowd_report.lines(outcome))
    assert "passed" in said
    assert "p99" in said
    assert json.loads(json.dumps(crowd_report.as_data(outcome)))["jobs_ended"] == len(jobs)
