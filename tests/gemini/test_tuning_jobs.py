"""The tuning jobs of a work folder: written down before they are sent, and never sent twice unless asked to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from utils.core.console import UserError
from utils.gemini.tuning import TuningRequest
from utils.gemini.tuning_jobs import TuningJobs, TuningRecord

PARENT = "projects/shop/locations/europe-west4"
REQUEST = TuningRequest("v1", "gemini-2.5-flash", "gs://shop/v1/train.jsonl", epochs=2)


@pytest.fixture
def jobs(tmp_path: Path) -> TuningJobs:
    return TuningJobs(tmp_path / "work" / "tuning_jobs.jsonl")


def begin(
    jobs: TuningJobs, request: TuningRequest = REQUEST, parent: str = PARENT, again: bool = False
) -> TuningRecord:
    with jobs.alone():
        return jobs.begin(request, parent, 120, again)


def test_a_request_is_on_disk_before_it_is_sent(jobs: TuningJobs) -> None:
    record = begin(jobs)
    assert jobs.all() == [record]
    assert (record.job, record.key, record.parent, record.rows) == (None, REQUEST.key, PARENT, 120)
    assert record.display_name == REQUEST.display_name()
    assert record.hyperparameters == {"epochCount": 2}
    jobs.name(record, f"{PARENT}/tuningJobs/1")
    assert jobs.all() == [record.model_copy(update={"job": f"{PARENT}/tuningJobs/1"})]


@pytest.mark.parametrize("again", [False, True])
def test_one_that_was_cut_is_gone_on_with_under_its_name(jobs: TuningJobs, again: bool) -> None:
    first = begin(jobs)
    assert begin(jobs, again=again) == first
    jobs.name(first, "job 1")
    second = begin(jobs, again=True)
    assert second.job is None
    assert second.display_name.startswith(f"{first.display_name}-")
    assert begin(jobs, again=again) == second
    assert len(jobs.all()) == 2


def test_one_that_has_a_job_is_not_begun_unless_asked_to(jobs: TuningJobs) -> None:
    for number in (1, 2, 3):
        jobs.name(begin(jobs, again=True), f"job {number}")
        assert begin(jobs).job == f"job {number}"
    assert [record.job for record in jobs.all()] == ["job 1", "job 2", "job 3"]
    assert len({record.display_name for record in jobs.all()}) == 3


@pytest.mark.parametrize(
    "other",
    [
        TuningRequest("v2", "gemini-2.5-flash", "gs://shop/v1/train.jsonl", epochs=2),
        TuningRequest("v1", "gemini-2.5-pro", "gs://shop/v1/train.jsonl", epochs=2),
        TuningRequest("v1", "gemini-2.5-flash", "gs://other/v1/train.jsonl", epochs=2),
        TuningRequest("v1", "gemini-2.5-flash", "gs://shop/v1/train.jsonl", epochs=3),
    ],
)
def test_another_request_is_another_job(jobs: TuningJobs, other: TuningRequest) -> None:
    first = begin(jobs)
    assert begin(jobs, other).display_name != first.display_name
    assert len(jobs.all()) == 2


def test_another_region_is_another_job(jobs: TuningJobs) -> None:
    jobs.name(begin(jobs), "job 1")
    assert begin(jobs, parent="projects/shop/locations/us-central1").job is None


def test_a_line_of_an_earlier_version_still_counts(jobs: TuningJobs) -> None:
    earlier = begin(jobs).model_dump(exclude={"parent", "display_name"}) | {"job": "job 1"}
    jobs.path.write_text(json.dumps(earlier) + "\n", encoding="utf-8")
    assert begin(jobs).job == "job 1"


def test_a_broken_line_is_told_with_its_place(jobs: TuningJobs) -> None:
    jobs.path.parent.mkdir()
    jobs.path.write_text('{"job": 1}\n', encoding="utf-8")
    with pytest.raises(UserError, match=r"tuning_jobs\.jsonl:1"):
        begin(jobs)
    with jobs.alone():  # the next run is not kept out
        pass
