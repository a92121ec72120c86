"""The writer: batches, bounds, disks that fail, forks and the end of the interpreter."""

import logging
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from types import SimpleNamespace

import pytest

from guardrails.review import ReviewStoreError, _database
from guardrails.review._writer import FIRST_GUESS
from guardrails.testing import VirtualClock


@contextmanager
def locked(path):
    """Another program holds the write lock."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@pytest.fixture
def impatient(monkeypatch):
    """A lock is waited for 10 ms instead of a second."""
    monkeypatch.setattr(_database, "BUSY", 0.01)


@pytest.fixture
def held(queue, item):
    """The writer thread, held inside a `done` until the test lets it go."""
    entered, release = threading.Event(), threading.Event()

    def hold(_):
        entered.set()
        release.wait()

    queue.submit([item("held")], hold)
    entered.wait()
    yield release
    release.set()


def test_what_waits_is_committed_in_one_transaction(queue, path, item, held):
    """While the writer is busy, 50 submits gather; another program sees all of them or none."""
    seen = []
    for i in range(50):
        queue.submit([item(f"d{i}")], lambda _: seen.append(count(path)))
    assert count(path) == 1
    held.set()

    assert queue.flush()
    assert seen == [51] * 50


def count(path):
    with closing(sqlite3.connect(path)) as other:
        return other.execute("SELECT count(*) FROM item").fetchone()[0]


def test_submitting_does_not_wait_for_the_writer(queue, item, held):
    """A thousand submits return while the writer is held."""
    told = []
    for i in range(1000):
        queue.submit([item(f"d{i}")], told.append)

    assert told == []
    held.set()
    assert queue.flush()
    assert told == [None] * 1000


def test_beyond_the_bound_the_error_comes_at_once(make, path, item):
    """A full outbox refuses in the caller's thread, and takes items again when it has drained."""
    queue, release, entered, told = make(max_waiting=3), threading.Event(), threading.Event(), []
    queue.submit([item("a")], lambda _: (entered.set(), release.wait()))
    entered.wait()
    queue.submit([item("b"), item("c")], told.append)
    queue.submit([item("d")], lambda error: told.append((error, threading.current_thread())))

    ((error, thread),) = told
    assert isinstance(error, ReviewStoreError)
    assert "max_waiting" in str(error)
    assert thread is threading.current_thread()

    release.set()
    assert queue.flush()
    queue.submit([item("e")], told.append)
    assert queue.flush()
    assert told[1:] == [None, None]
    assert count(path) == 4


def test_a_locked_database_is_an_error_and_then_works_again(queue, path, item, committed, impatient):
    """The lock's holder is named as the mend; once it is gone, submits succeed."""
    committed(queue, item("d1"))
    with locked(path):
        error = committed(queue, item("d2"))
    assert isinstance(error, ReviewStoreError)
    assert isinstance(error.__cause__, sqlite3.OperationalError)
    assert "database is locked; end the program that holds its write lock" in str(error)

    assert committed(queue, item("d2")) is None
    assert count(path) == 2


def test_a_new_file_that_is_locked_is_an_error_and_then_works(queue, path, item, committed, impatient):
    """Another program's transaction on the empty file holds up its first use, and no longer."""
    with locked(path):
        assert "database is locked" in str(committed(queue, item()))

    assert committed(queue, item()) is None


def test_a_new_file_gets_its_log_even_if_it_was_locked_at_first(queue, path, item, committed, monkeypatch):
    """The switch to the write-ahead log, for which SQLite does not wait by itself, is tried again."""
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    waiting = SimpleNamespace(monotonic=time.monotonic, sleep=lambda _: other.execute("ROLLBACK"))
    monkeypatch.setattr(_database, "time", waiting)

    assert committed(queue, item()) is None
    assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    other.close()


def test_a_locked_database_can_be_read(queue, path, item, committed):
    """Readers do not wait for a writer."""
    committed(queue, item())
    with locked(path):
        assert [each.id for each in queue.list()] == ["d1"]


def test_resolving_in_a_locked_database_raises(queue, path, item, committed, impatient):
    """A person is told that the answer was not stored, and the item stays open."""
    committed(queue, item())
    with locked(path), pytest.raises(ReviewStoreError, match="locked"):
        queue.resolve("d1", 1)

    assert queue.counts() == {"open": 1, "resolved": 0}


def test_a_missing_directory_is_an_error_and_then_works(tmp_path, make, item, committed):
    """No directory is made behind the owner's back; when it is there, submits succeed."""
    queue = make(tmp_path / "later" / "reviews.db")
    error = committed(queue, item())
    assert isinstance(error, ReviewStoreError)
    assert "No such file or directory; make its directory" in str(error)
    with pytest.raises(ReviewStoreError, match="make its directory"):
        queue.list()

    (tmp_path / "later").mkdir()
    assert committed(queue, item()) is None


def test_a_deleted_file_is_made_again(queue, path, item, committed):
    """A commit never goes to a file that no longer has a name."""
    committed(queue, item("d1"))
    for each in path.parent.iterdir():
        each.unlink()

    assert committed(queue, item("d2")) is None
    assert [each.id for each in queue.list()] == ["d2"]


def test_a_directory_in_the_files_place_is_an_error(tmp_path, make, item, committed):
    """A path that can never work is reported, not raised."""
    assert isinstance(committed(make(tmp_path), item()), ReviewStoreError)


def test_another_programs_file_is_left_alone(path, make, item, committed):
    """A database with other tables gets none of ours."""
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE theirs (x)")
    before = path.read_bytes()

    assert "another program's tables; name another file" in str(committed(make(), item()))
    assert path.read_bytes() == before


def test_a_file_of_another_kind_is_left_alone(path, make, item, committed):
    """A text file is no database, and stays a text file."""
    path.write_text("not a database, " * 100)

    assert "name another file" in str(committed(make(), item()))
    assert path.read_text() == "not a database, " * 100


def test_a_newer_schema_is_refused(path, make, item, committed):
    """An older release does not write into a file it does not understand."""
    first = make()
    committed(first, item())
    first.close()
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA user_version = 2")

    error = committed(make(), item("d2"))
    assert "written by a newer inference-guardrails (schema 2, this one knows 1); upgrade" in str(error)
    with pytest.raises(ReviewStoreError, match="newer"):
        make().list()


def test_a_broken_item_fails_alone(queue, path, item, held):
    """One submit that SQLite cannot take does not fail those that wait with it."""
    told = {}
    for name, guard_name in (("good", "g"), ("bad", object()), ("surrogate", "\udc80"), ("fine", "g")):
        queue.submit([item(name, guard_name=guard_name)], lambda error, name=name: told.update({name: error}))
    held.set()

    assert queue.flush()
    assert [name for name, error in told.items() if error is None] == ["good", "fine"]
    assert count(path) == 3


def test_items_of_one_submit_are_stored_all_or_none(queue, item, committed):
    """A table's items belong together: a broken one keeps the others out."""
    assert committed(queue, item("good"), item("bad", guard_name=object())) is not None

    assert queue.counts()["open"] == 0


@pytest.mark.parametrize("items", [None, 3, [object()], ["text"]])
def test_what_are_no_items_is_an_error_and_no_exception(queue, item, committed, items):
    """Nothing raises into the guard, and the writer goes on."""
    told = []
    queue.submit(items, told.append)
    assert queue.flush()

    assert isinstance(told[0], Exception)
    assert committed(queue, item()) is None


def test_no_items_are_stored_at_once(queue, committed):
    """An empty submit succeeds."""
    assert committed(queue) is None


def test_a_callback_that_raises_does_not_end_the_writer(queue, item, committed, caplog):
    """The next item is committed, and the log names the class alone."""

    def broken(_):
        raise ValueError("adr=98.0")

    queue.submit([item("d1")], broken)
    assert committed(queue, item("d2")) is None
    assert queue.counts()["open"] == 2
    assert caplog.messages == ["the callback of a review store raised ValueError"]


class Broken(logging.Filter):
    """A log filter that raises."""

    def filter(self, record):
        raise RuntimeError


def test_a_log_that_raises_does_not_end_the_writer(queue, item, committed):
    """The failed submit is answered with its own error, and the next one is committed."""
    log, broken = logging.getLogger("guardrails"), Broken()
    log.addFilter(broken)
    try:
        error = committed(queue, item(guard_name="\udc80"))
    finally:
        log.removeFilter(broken)

    assert isinstance(error, UnicodeEncodeError)
    assert committed(queue, item()) is None


def test_a_failing_disk_is_logged_once_until_it_works(queue, path, item, committed, impatient, caplog):
    """An operator hears of it once, and again when it comes back after a success."""
    caplog.set_level(logging.WARNING, "guardrails")
    committed(queue, item("d1"))
    with locked(path):
        for _ in range(3):
            committed(queue, item("d2"))
    committed(queue, item("d3"))
    with locked(path):
        committed(queue, item("d4"))

    assert len(caplog.messages) == 2
    assert all("database is locked" in message for message in caplog.messages)
    assert "lead_time" not in caplog.text


def test_the_log_quotes_no_item(queue, item, committed, caplog):
    """An error that would quote the item is logged by its class."""
    committed(queue, item(guard_name="secret\udc80"))

    assert caplog.messages == ["review items are not stored: UnicodeEncodeError"]


def test_before_anything_was_seen_q99_is_a_guess(queue):
    """The guard has something to keep back for its first review."""
    assert queue.commit_q99() == FIRST_GUESS


def test_q99_learns_from_the_commits(make, item, committed):
    """From 99 commits on, q99 is the rank-99 % of what was seen, not the guess."""
    clock = VirtualClock()
    queue = make(clock=clock)
    committed(queue, item("first"))
    for i in range(98):
        committed(queue, item(f"d{i}"))
    few = queue.commit_q99()
    for i in range(200):
        committed(queue, item(f"e{i}"))

    assert few == FIRST_GUESS
    assert queue.commit_q99() == 0.0


@pytest.mark.parametrize(("commits", "q99"), [(1, 1.0), (98, 98.0), (99, 99.0), (199, 198.0), (1000, 255.0)])
def test_q99_is_the_conformal_rank_of_the_last_256(make, item, commits, q99):
    """Of commits that take n, n - 1, ..., 1 seconds it is the ceil(0.99 (n + 1))-th smallest, at most the largest."""
    clock, entered, release = VirtualClock(), threading.Event(), threading.Event()
    queue = make(clock=clock)
    queue.submit([item("opens the file, and does not count")], lambda _: (entered.set(), release.wait()))
    entered.wait()
    for i in range(commits):
        queue.submit([item(f"d{i}")], lambda _: None)
        clock.advance(1.0)
    release.set()

    assert queue.flush()
    assert queue.commit_q99() == q99


def test_flush_and_close_give_up_after_their_time(queue, held):
    """Neither hangs on a disk that hangs."""
    assert queue.flush(0.0) is False
    assert queue.close(0.0) is False


def test_concurrent_first_uses_make_one_writer(make, item):
    """Sixteen threads that start a queue together share one writer thread."""
    queue, gate = make(), threading.Barrier(16)

    def use(number):
        gate.wait()
        queue.submit([item(str(number))], lambda _: None)
        return queue._writer

    with ThreadPoolExecutor(16) as pool:
        writers = set(pool.map(use, range(16)))

    assert queue.flush()
    assert len(writers) == 1
    assert queue.counts()["open"] == 16


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_a_forked_process_writes_for_itself(queue, item, committed):
    """Parent and child both go on with the queue that was open before the fork; every item is stored once."""
    committed(queue, item("before"))
    child = os.fork()
    if not child:
        status = 1
        try:
            status = 0 if committed(queue, item("child")) is None and queue.close() else 2
        finally:
            os._exit(status)
    parent = committed(queue, item("parent"))

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert parent is None
    assert sorted(each.id for each in queue.list()) == ["before", "child", "parent"]


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_a_fork_while_items_wait_neither_hangs_nor_repeats_them(queue, path, item, held, committed):
    """The child has its own, empty outbox; the parent commits what waited."""
    queue.submit([item("waiting")], lambda _: None)
    child = os.fork()
    if not child:
        status = 1
        try:
            status = 0 if committed(queue, item("child")) is None else 2
            del queue
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert count(path) == 2
    held.set()

    assert queue.flush()
    assert count(path) == 3


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_a_lock_held_at_the_fork_does_not_hang_the_child(queue, item, committed):
    """The child closes and uses the queue although a thread of the parent was inside the writer's lock."""
    committed(queue, item())
    with queue._writer._changed, ThreadPoolExecutor(1) as pool:
        forked = pool.submit(fork_and_close, queue).result()

    assert os.waitstatus_to_exitcode(os.waitpid(forked, 0)[1]) == 0


def fork_and_close(queue):
    child = os.fork()
    if not child:
        signal.alarm(10)  # a hanging child is killed, and its status tells
        os._exit(0 if queue.close() and queue.counts() else 1)
    return child


def test_a_stopped_writer_takes_nothing(queue, item, committed):
    """A submit that meets a close goes to the next writer, and is answered once."""
    stopped, told = queue._current(), []
    stopped.stop()

    assert stopped.put([item("d1")], told.append) is False
    assert committed(queue, item("d2")) is None
    assert told == []


def test_a_queue_in_memory_that_never_wrote_is_closed(make):
    """Reading alone opens the one connection, and closing frees it without a writer thread."""
    queue = make(":memory:")
    queue.counts()
    database = queue._writer.database
    assert queue.close()

    assert database._kept is None


ITEM = """
from guardrails.review import ReviewItem, ReviewQueue
def item(decision_id):
    return ReviewItem(id=decision_id, guard_name="g", created=0.0, request="{}")
"""


def script(text: str, *arguments: object) -> subprocess.CompletedProcess:
    """Run `text` in an interpreter of its own."""
    command = [sys.executable, "-c", ITEM + textwrap.dedent(text), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_end_of_the_interpreter_commits_what_waits(path):
    """A script that ends right after its submits loses none, and says nothing."""
    done = script(
        """
        import sys
        queue = ReviewQueue(sys.argv[1])
        for i in range(500):
            queue.submit([item(str(i))], lambda error: None)
        """,
        path,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert count(path) == 500


def test_a_submit_at_the_very_end_is_answered():
    """After the queue's own last hook `done` is still called, with None or with the error."""
    done = script(
        """
        import atexit
        from guardrails.review import _writer
        def late():
            told = []
            other.submit([item("late")], told.append)
            other.flush()
            print(len(told))
        # hooks run last in, first out: this one runs after the queue's
        atexit._clear()
        atexit.register(late)
        atexit.register(_writer._commit_what_waits)
        other = ReviewQueue(":memory:")
        other.submit([item("early")], lambda error: None)
        """
    )

    assert (done.stdout, done.returncode) == ("1\n", 0), done.stderr


def test_processes_that_start_together_share_a_new_file(path):
    """Four processes race to make the file; each stores its items."""
    text = """
        import sys
        queue, errors = ReviewQueue(sys.argv[1]), []
        for i in range(20):
            queue.submit([item(f"{sys.argv[2]}-{i}")], errors.append)
            queue.flush()
        sys.exit(errors != [None] * 20)
        """
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda number: script(text, path, number), range(4)))

    assert [(each.returncode, each.stderr) for each in done] == [(0, "")] * 4
    assert count(path) == 80


def test_a_full_disk_is_an_error_and_then_works_again(path):
    """With no room for the file to grow the commit fails whole; with room again it succeeds."""
    done = script(
        """
        import resource, sys
        queue, told = ReviewQueue(sys.argv[1]), []
        submit = lambda decision_id: (queue.submit([item(decision_id)], told.append), queue.flush())
        submit("before")
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1, hard))
        submit("full")
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        submit("after")
        print([type(error).__name__ for error in told], [each.id for each in queue.list()])
        queue.close()
        """,
        path,
    )

    assert done.stdout == "['NoneType', 'ReviewStoreError', 'NoneType'] ['before', 'after']\n", done.stderr


def test_a_read_only_file_is_an_error(tmp_path):
    """A process that may not write is told so, and its requests go on."""
    done = script(
        """
        import os, pathlib, sys, tempfile
        with tempfile.TemporaryDirectory() as name:
            directory = pathlib.Path(name)
            path = directory / "reviews.db"
            queue, told = ReviewQueue(path), []
            queue.submit([item("before")], told.append)
            queue.close()
            path.chmod(0o444)
            directory.chmod(0o555)
            child = os.fork()
            if not child:
                if not os.geteuid():
                    os.setuid(65534)  # permissions do not bind the superuser
                queue.submit([item("after")], told.append)
                queue.flush()
                print([str(error) for error in told], flush=True)
                os._exit(0)
            os.waitpid(child, 0)
            directory.chmod(0o755)
        """
    )

    assert done.stdout.startswith("['None', "), done.stderr
    assert "let this process write to the file and to its directory" in done.stdout
