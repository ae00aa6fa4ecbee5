"""How long it can take, at the settings as they come, until silence is noticed."""

from typing import Any

from training import run_record
from webapp.jobs import supervise, work

NOTICED_WITHIN = 90.0  # seconds


def test_a_lost_worker_is_noticed_and_its_job_taken_up_elsewhere_in_time(settings: Any) -> None:
    # It dies just after a heartbeat that it did not write, having renewed its lease a second
    # before; the reconciler has just looked when the lease ends, and the hint it sends is lost,
    # so that another worker finds the job by itself.
    longest = (
        work.BEAT_SECONDS
        + settings.JOBS_LEASE_SECONDS
        + settings.JOBS_RECONCILE_SECONDS
        + settings.JOBS_POLL_SECONDS
    )
    assert (work.BEAT_SECONDS, settings.JOBS_LEASE_SECONDS) == (1.0, 45)
    assert (settings.JOBS_RECONCILE_SECONDS, settings.JOBS_POLL_SECONDS) == (3, 5)
    assert longest == 54 < NOTICED_WITHIN


def test_a_step_that_hangs_is_noticed_in_time() -> None:
    assert run_record.QUIET_SECONDS + supervise.LOOK_SECONDS < NOTICED_WITHIN
