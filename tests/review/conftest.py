"""Queues on real files, closed at the end of each test."""

import pytest

from guardrails.review import ReviewItem, ReviewQueue


@pytest.fixture
def path(tmp_path):
    return tmp_path / "reviews.db"


@pytest.fixture
def make(path):
    """Makes queues on the test's file, and closes them."""
    made = []

    def queue(at=path, **parameters):
        made.append(ReviewQueue(at, **parameters))
        return made[-1]

    yield queue
    assert [each.close() for each in made] == [True] * len(made)


@pytest.fixture
def queue(make):
    return make()


@pytest.fixture
def item():
    """Makes items: `item("d1", guard_name="other")`."""

    def made(decision_id="d1", **changes):
        given = {
            "guard_name": "booking",
            "created": 1_700_000_000.0,
            "request": '{"lead_time": 42}',
            "caveats": ({"code": "novel", "message": "unlike", "lost": "", "fields": []},),
            "model_version": "7",
            "served_by": "primary",
            "withheld": "[0.4, 0.6]",
            "prediction": '"cancelled"',
        }
        return ReviewItem(id=decision_id, **(given | changes))

    return made


@pytest.fixture
def committed():
    """Submits and waits: the error, or None once the items are on the disk."""

    def submit(queue, *items):
        told = []
        queue.submit(items, told.append)
        assert queue.flush()
        (error,) = told
        return error

    return submit
