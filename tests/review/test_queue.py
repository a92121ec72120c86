"""The review queue: what is submitted is on the disk before `done`, and a person resolves it once."""

import sqlite3
import stat
import threading

import cloudpickle
import pytest

from guardrails._errors import ConfigurationError, GuardrailsError
from guardrails._guard_ports import ReviewStore
from guardrails.review import ResolutionError, ReviewQueue
from guardrails.testing import VirtualClock


def stored(path, query="SELECT id FROM item ORDER BY created, rowid"):
    """What another program reads from the file."""
    connection = sqlite3.connect(path)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def test_a_queue_is_a_review_store(queue):
    """The guard's protocol is kept."""
    assert isinstance(queue, ReviewStore)


def test_an_item_is_on_the_disk_when_done_is_called(queue, path, item):
    """Inside `done`, another connection already reads the item."""
    seen = []
    queue.submit([item("d1"), item("d2")], lambda error: seen.append((error, stored(path))))

    assert queue.flush()
    assert seen == [(None, [("d1",), ("d2",)])]


def test_done_is_called_by_another_thread(queue, item):
    """The caller's thread, which may run an event loop, commits nothing."""
    threads = []
    queue.submit([item()], lambda _: threads.append(threading.current_thread()))

    assert queue.flush()
    assert threads[0] is not threading.current_thread()
    assert threads[0].daemon


def test_an_item_is_read_back_as_it_was(queue, item, committed):
    """No field is lost on the way through the file."""
    committed(queue, item())

    assert queue.read("d1") == item()
    assert queue.list() == [item()]


def test_an_item_without_an_answer_is_read_back(queue, item, committed):
    """A request that nobody answered has no withheld answer and no prediction."""
    nothing = item(withheld=None, prediction=None, served_by="", caveats=())
    committed(queue, nothing)

    assert queue.read("d1") == nothing


def test_the_same_id_again_changes_nothing(queue, item, committed):
    """Submitting is idempotent: the first item stays, and the second submit succeeds."""
    committed(queue, item())

    assert committed(queue, item(request="{}")) is None
    assert queue.list() == [item()]


def test_a_resolved_item_is_not_opened_again(queue, item, committed):
    """A late repetition of the submit leaves the resolution alone."""
    committed(queue, item())
    queue.resolve("d1", "kept")
    committed(queue, item())

    assert queue.counts() == {"open": 0, "resolved": 1}


def test_list_shows_the_oldest_first_and_filters(queue, item, committed):
    """By status, by guard, and at most `limit`."""
    committed(
        queue, item("new", created=3.0), item("old", created=1.0), item("other", guard_name="g", created=2.0)
    )
    queue.resolve("old", True)

    assert [each.id for each in queue.list()] == ["other", "new"]
    assert [each.id for each in queue.list("resolved")] == ["old"]
    assert [(each.id, each.status) for each in queue.list(None, guard="booking")] == [
        ("old", "resolved"),
        ("new", "open"),
    ]
    assert [each.id for each in queue.list(None, limit=2)] == ["old", "other"]


@pytest.mark.parametrize(
    ("arguments", "parameter"),
    [({"status": "closed"}, "status"), ({"limit": 0}, "limit"), ({"limit": 1.5}, "limit")],
)
def test_list_refuses_what_it_does_not_know(queue, arguments, parameter):
    """A misspelt status is a mistake, not an empty list."""
    with pytest.raises(ConfigurationError, match=parameter):
        queue.list(**arguments)


@pytest.mark.parametrize("label", ["cancelled", "", 3, 2.5, True, "naïve ✓"])
def test_a_resolution_keeps_the_label(queue, item, committed, label):
    """Label, reviewer, note and time come back as they were given."""
    clock_time = 1_800_000_000.5
    queue._clock = VirtualClock(time=clock_time)
    committed(queue, item())

    given = queue.resolve("d1", label, reviewer="reviewer-1", note="called the guest")

    assert (given.decision_id, given.guard_name, given.reviewer) == ("d1", "booking", "reviewer-1")
    assert (given.label, type(given.label), given.resolved) == (label, type(label), clock_time)
    assert queue.resolutions() == [given]
    assert queue.read("d1").status == "resolved"


def test_a_numpy_label_is_stored_as_its_number(queue, item, committed):
    """The label of a model's classes, often a numpy scalar, is taken."""
    import numpy as np

    committed(queue, item())

    assert queue.resolve("d1", np.int64(3)).label == 3


@pytest.mark.parametrize("label", [None, float("nan"), float("inf"), ["a"], object()])
def test_a_label_that_is_none_is_refused(queue, item, committed, label):
    """What cannot be a right answer leaves the item open."""
    committed(queue, item())

    with pytest.raises(ResolutionError, match="label: must be text, a finite number or a boolean"):
        queue.resolve("d1", label)
    assert queue.counts() == {"open": 1, "resolved": 0}


def test_an_item_is_resolved_once(queue, item, committed):
    """The second person is told, and the first answer stays."""
    committed(queue, item())
    queue.resolve("d1", "cancelled", reviewer="first")

    with pytest.raises(ResolutionError, match=r"resolved already.*resolutions\(\)"):
        queue.resolve("d1", "kept", reviewer="second")
    assert [each.reviewer for each in queue.resolutions()] == ["first"]


def test_two_people_at_once_make_one_resolution(make, item, committed):
    """Of eight concurrent resolves through two queues exactly one wins."""
    queues = [make(), make()]
    committed(queues[0], item())
    gate, won, lost = threading.Barrier(8), [], []

    def resolve(number: int) -> None:
        gate.wait()
        try:
            won.append(queues[number % 2].resolve("d1", number).label)
        except ResolutionError:
            lost.append(number)

    run(resolve, 8)

    assert (len(won), len(lost)) == (1, 7)
    assert [each.label for each in queues[0].resolutions()] == won


@pytest.mark.parametrize("use", [lambda queue: queue.read("d9"), lambda queue: queue.resolve("d9", 1)])
def test_an_unknown_id_says_what_to_do(queue, use):
    """The error is a ValueError of this package, and names the mend."""
    with pytest.raises(ResolutionError, match=r"no review item 'd9'.*list\(\)") as caught:
        use(queue)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, GuardrailsError)


def test_resolutions_can_be_those_of_one_guard(queue, item, committed):
    """Feedback for one model is not mixed with another's."""
    committed(queue, item("d1"), item("d2", guard_name="churn"))
    queue.resolve("d1", 1)
    queue.resolve("d2", 2)

    assert [each.decision_id for each in queue.resolutions(guard="churn")] == ["d2"]
    assert [each.decision_id for each in queue.resolutions()] == ["d1", "d2"]


def run(work, threads: int) -> None:
    started = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()


def test_threads_submit_at_once_and_nothing_is_lost(queue, item):
    """Eight threads, 400 items: each `done` is called once, and each item is stored once."""
    told = []

    def work(number: int) -> None:
        for i in range(50):
            queue.submit([item(f"{number}-{i}")], told.append)

    run(work, 8)

    assert queue.flush()
    assert told == [None] * 400
    assert queue.counts() == {"open": 400, "resolved": 0}


def test_queues_of_one_file_share_it(make, item, committed):
    """Two services that start together on a new file both store their items."""
    queues, gate, told = [make() for _ in range(4)], threading.Barrier(4), []

    def work(number: int) -> None:
        gate.wait()
        queues[number].submit([item(f"d{number}")], told.append)
        queues[number].flush()

    run(work, 4)

    assert told == [None] * 4
    assert queues[0].counts()["open"] == 4


def test_nothing_is_opened_before_it_is_used(path):
    """Defining a queue, as a decorator does on import, makes no file and no thread."""
    before = threading.active_count()
    ReviewQueue(path)

    assert not path.exists()
    assert threading.active_count() == before


def test_the_file_is_for_its_owner_alone(queue, path, item, committed):
    """The database and its companions hold requests: mode 0600, whatever the umask."""
    committed(queue, item())

    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
    assert set(modes.values()) == {0o600}
    assert set(modes) == {"reviews.db", "reviews.db-wal", "reviews.db-shm"}


def test_the_disk_is_synced_at_each_commit(queue, item, committed):
    """The writer's connection is in WAL mode with synchronous=FULL (2)."""
    committed(queue, item())

    with queue._current().database.kept() as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_a_closed_queue_is_read_again(make, path, item, committed):
    """Items and resolutions outlive the process's queue."""
    first = make()
    committed(first, item("d1"), item("d2"))
    first.resolve("d2", "kept")
    assert first.close()
    assert [each.name for each in path.parent.iterdir()] == ["reviews.db"]

    second = make()
    assert [each.id for each in second.list()] == ["d1"]
    assert [each.label for each in second.resolutions()] == ["kept"]


def test_a_closed_queue_opens_again_when_it_is_used(queue, item, committed):
    """Closing frees the file; it does not break a guard that still runs."""
    committed(queue, item("d1"))
    queue.close()

    assert committed(queue, item("d2")) is None
    assert queue.counts()["open"] == 2


def test_close_commits_what_waits(queue, path, item):
    """Closing at once after a submit loses nothing."""
    queue.submit([item(f"d{i}") for i in range(100)], lambda _: None)

    assert queue.close()
    assert len(stored(path)) == 100


def test_a_queue_that_is_dropped_commits_what_waits(path, item):
    """A queue nobody holds any more still finishes, and its thread ends."""
    done = threading.Event()
    queue = ReviewQueue(path)
    queue.submit([item()], lambda _: done.set())
    thread = queue._writer._thread
    del queue

    thread.join(5)
    assert not thread.is_alive()
    assert done.is_set()
    assert stored(path) == [("d1",)]


def test_a_queue_in_memory_works_without_a_file(make, item, committed):
    """`:memory:` has every operation, for tests."""
    queue = make(":memory:")
    assert committed(queue, item()) is None
    queue.resolve("d1", 1)

    assert queue.counts() == {"open": 0, "resolved": 1}
    assert [each.label for each in queue.resolutions()] == [1]
    with pytest.raises(ResolutionError):
        queue.resolve("d1", 1)


def test_a_queue_travels_by_cloudpickle_as_its_path(queue, item, committed):
    """The copy has its own connection and thread, on the same file."""
    committed(queue, item())

    copy = cloudpickle.loads(cloudpickle.dumps(queue))
    assert committed(copy, item("d2")) is None
    assert copy.close()
    assert repr(copy) == repr(queue)
    assert [each.id for each in queue.list()] == ["d1", "d2"]


def test_a_change_of_directory_does_not_change_the_queue(tmp_path, monkeypatch, make, item, committed):
    """A relative path means the directory in which the queue was defined."""
    monkeypatch.chdir(tmp_path)
    queue = make("here.db")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    committed(queue, item())

    assert stored(tmp_path / "here.db") == [("d1",)]


@pytest.mark.parametrize(
    ("arguments", "parameter"),
    [
        ({"path": ""}, "path"),
        ({"path": b"r.db"}, "path"),
        ({"path": None}, "path"),
        ({"path": "r.db", "max_waiting": 0}, "max_waiting"),
        ({"path": "r.db", "max_waiting": 2.5}, "max_waiting"),
    ],
)
def test_a_queue_that_cannot_work_is_refused_where_it_is_defined(arguments, parameter):
    """The error names the parameter."""
    with pytest.raises(ConfigurationError, match=f"^{parameter}: "):
        ReviewQueue(**arguments)


def test_the_repr_of_an_item_holds_no_data(item):
    """An item that is logged by mistake tells its id and nothing of the request."""
    shown = repr(item(request='{"card": "4111"}', withheld="[0.123]", prediction="0.123"))

    assert "d1" in shown
    assert "4111" not in shown
    assert "0.123" not in shown
