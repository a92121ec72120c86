"""The guard of the demonstration keeps every promise that it shows."""

from guardrails._demo.bookings import requests
from guardrails.testing import check_guard


def test_the_demonstrations_guard_passes_every_check(played):
    """With a real booking that its model answers."""
    decide = played.stage.decide
    booking = next(
        each for each in requests(played.stage.split.healthy) if decide(each).served_by == "primary"
    )
    report = check_guard(decide, booking)

    assert report.broken == ()
    assert [result.promise for result in report.of("not judged")] == ["rows_keep_their_order"]
