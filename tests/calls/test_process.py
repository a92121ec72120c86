"""A function in a process of its own: real children, each test as few of them as it can."""

import asyncio
import gc
import importlib.util
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import warnings
import weakref
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest

import guardrails as gr
from guardrails._calls._line import Line
from guardrails._calls._process import EndedError, InProcess
from guardrails._clock import deadline

MODULE = """
import dataclasses, functools, os, signal, struct, sys, threading, time
import guardrails as gr


@dataclasses.dataclass(frozen=True)
class Frozen(ConnectionError):
    code: int


class Locked(Exception):
    def __init__(self):
        self.lock = threading.Lock()


class Refused(Exception):
    def __init__(self, a, b):
        super().__init__(f"{a} {b}")


def work(what, *more):
    if what == "raise":
        raise ValueError("from the child")
    if what == "odd":
        raise {"refused": Refused(1, 2), "frozen": Frozen(1), "locked": Locked()}[more[0]]
    if what == "pid":
        return os.getpid()
    if what == "left":
        return gr.time_left()
    if what == "exit":
        os._exit(3)
    if what == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "sysexit":
        sys.exit(4)
    if what == "hang":
        time.sleep(600)
    if what == "spin":
        sum(range(10**11))  # holds the interpreter's lock
    if what == "lambda":
        return lambda: 1
    if what == "half":
        os.write(int(sys.argv[1]), struct.pack("!i", 100))
        time.sleep(600)
    if what == "double":
        return more[0] * 2
    return what


@gr.guard("decorated", budget=gr.Budget(20.0, enforcement="process"))
def decorated(request):
    return [os.getpid(), request["x"]]


def twice(fn):
    @functools.wraps(fn)
    def wrapper(*args):
        return 2 * fn(*args)

    return wrapper


def version(request):
    return "v1"


first, doubled = version, twice(work)


def version(request):
    return "v2"


class Service:
    factor = 3

    @gr.guard("method", budget=gr.Budget(20.0, enforcement="process"))
    def predict(self, request):
        return self.factor * request["x"]
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    (folder / "made_for_processes.py").write_text(MODULE)
    sys.path.insert(0, str(folder))
    try:
        import made_for_processes

        yield made_for_processes
    finally:
        sys.path.remove(str(folder))
        sys.modules.pop("made_for_processes", None)


@pytest.fixture(scope="module")
def work(made):
    call = InProcess(made.work)
    assert call.start(30)
    yield call
    call.reset()


def ask(call, *args, seconds=30.0):
    with deadline(seconds):
        return call(*args)


def code(decision):
    return decision.caveats[0].code.value


def until(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "did not happen in time"
        threading.Event().wait(0.005)


# --- one child ---------------------------------------------------------------------------------------------------


def test_the_answer_comes_from_another_process_which_is_reused(work):
    """The same child for calls one after another."""
    pids = {ask(work, "pid") for _ in range(5)}

    assert len(pids) == 1
    assert os.getpid() not in pids


def test_an_exception_comes_back_with_the_childs_traceback(made, work):
    """As a note, since a traceback cannot be sent; with its own type, but for one that cannot be sent, which is named."""
    with pytest.raises(ValueError, match="from the child") as raised:
        ask(work, "raise")
    assert "in work" in "".join(raised.value.__notes__)

    with pytest.raises(made.Refused, match="1 2"):
        ask(work, "odd", "refused")
    with pytest.raises(made.Frozen) as frozen:
        ask(work, "odd", "frozen")
    assert frozen.value.code == 1
    with pytest.raises(RuntimeError, match="Locked"):
        ask(work, "odd", "locked")
    with pytest.raises(SystemExit):
        ask(work, "sysexit")
    assert ask(work, "again") == "again"


def test_what_cannot_be_sent_is_an_error_and_spoils_nothing(work):
    """Neither an argument nor an answer; the child answers the next call."""
    pid = ask(work, "pid")
    with pytest.raises(TypeError, match="pickle"):
        ask(work, threading.Lock())
    with pytest.raises(RuntimeError, match="cannot be sent back"):
        ask(work, "lambda")

    assert ask(work, "pid") == pid


def test_big_arrays_go_there_and_back(work):
    """Forty megabytes, more than a socket holds."""
    array = np.arange(5_000_000, dtype=float)

    assert np.array_equal(ask(work, "double", array), array * 2)


def test_the_deadline_is_in_force_in_the_child(work):
    """What is left of it; context variables otherwise stay behind."""
    assert 4 < ask(work, "left", seconds=5.0) <= 5.0
    assert work("left") is None


def test_a_late_child_is_killed_and_replaced(work):
    """Also one that holds the interpreter's lock in C, where its own timers do not run."""
    pid = ask(work, "pid")
    with pytest.raises(TimeoutError, match="killed at its deadline"):
        ask(work, "spin", seconds=0.2)

    new = ask(work, "pid")
    assert new != pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_child_that_stops_in_the_middle_is_late_too(work):
    """It does not read the request to its end, or has begun an answer; as is one of any size that has a month."""
    pid = ask(work, "pid")
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(TimeoutError, match="killed at its deadline"):
        ask(work, b"x" * 10_000_000, seconds=0.3)
    assert ask(work, "pid") != pid
    with pytest.raises(TimeoutError, match="killed at its deadline"):
        ask(work, "half", seconds=0.5)
    assert ask(work, "fine", seconds=3_000_000) == "fine"


def test_the_line_speaks_as_a_connection_does(monkeypatch):
    """Also of what is longer than its short header says, which is two gigabytes."""
    here, there = socket.socketpair()
    line, other = Line(here), Connection(there.detach())
    with other:
        monkeypatch.setattr("guardrails._calls._line._SHORTEST_LONG", 3)
        line.send(b"long", None)
        assert other.recv_bytes() == b"long"
        os.write(other.fileno(), struct.pack("!iQ", -1, 3) + b"abc")
        assert line.receive(1.0) == b"abc"
    with pytest.raises(EOFError):
        line.receive(None)
    line.close()


@pytest.mark.parametrize("how", ["exit", "kill"])
def test_a_child_that_dies_is_an_error_and_is_replaced(work, how):
    """`os._exit`, a crash, the kernel's out-of-memory killer."""
    with pytest.raises(EndedError, match="ended before it answered"):
        ask(work, how)

    assert ask(work, "again") == "again"


def test_a_child_killed_while_idle_is_replaced(work):
    """The next call does not notice."""
    pid = ask(work, "pid")
    os.kill(pid, 9)
    until(lambda: not work._idle[-1].alive())

    assert ask(work, "pid") != pid


def test_an_interrupted_exchange_never_answers_the_next_call(work):
    """A child whose answer was not fetched is not asked again."""
    child = work._take()
    child.ready(30)
    exchange = child._exchange

    def interrupted(request):
        child._line.send(request, None)
        raise KeyboardInterrupt

    child._exchange = interrupted
    work._idle.append(child)
    with pytest.raises(KeyboardInterrupt):
        ask(work, "the answer of another call")

    assert exchange is not None
    assert child not in work._idle
    assert ask(work, "mine") == "mine"


# --- how it is found ---------------------------------------------------------------------------------------------


def test_a_closure_and_a_callable_object_are_sent_as_they_are():
    """With what they have closed over when the child is started, not when they were defined."""
    factor = 2
    call = InProcess(lambda x: x * factor)
    factor = 5
    assert call.start(30)
    assert ask(call, 4) == 20
    call.reset()


def test_what_cannot_be_sent_is_refused_where_it_is_defined():
    """A closure over a lock; and, without cloudpickle, any closure."""
    lock = threading.Lock()
    with pytest.raises(gr.ConfigurationError, match=r"cannot be sent to a process.*received"):
        gr.guard(budget=gr.Budget(1.0, enforcement="process"))(lambda request: lock)


def test_without_cloudpickle_a_function_of_main_is_refused(monkeypatch):
    """Another process has another `__main__`."""
    monkeypatch.setitem(sys.modules, "cloudpickle", None)

    def predict(request):
        return 1

    for module in ("__main__", __name__):
        predict.__module__ = module
        with pytest.raises(gr.ConfigurationError, match="install cloudpickle"):
            InProcess(predict)


def test_a_function_that_the_child_does_not_find_says_so(made, monkeypatch, capfd):
    """At `start()`, or as an error of the call; the child's own words are on stderr."""
    gone = type(made.work)(made.work.__code__, made.work.__globals__, "gone")
    gone.__qualname__ = "gone"
    monkeypatch.setattr(made, "gone", gone, raising=False)
    with pytest.raises(
        gr.ConfigurationError, match=r"AttributeError while the process looked.*: define it at"
    ):
        gr.guard(budget=gr.Budget(1.0, enforcement="process"))(gone).start(30)
    assert "gone" in capfd.readouterr().err


def test_a_wrapper_and_an_older_version_are_sent_as_they_are(made):
    """Their name leads to another function."""
    for fn, answer in ((made.doubled, 6), (made.first, "v1"), (made.version, "v2")):
        call = InProcess(fn)
        assert ask(call, 3) == answer
        call.reset()


def test_what_a_new_process_would_not_find_again_is_not_called(made, monkeypatch):
    """The module has another function since, which its file does not know of."""
    monkeypatch.setattr(made, "version", made.twice(made.version))
    guarded = gr.guard(budget=gr.Budget(20.0, enforcement="process"))(made.version)

    assert code(guarded({})) == "error"
    with pytest.raises(gr.ConfigurationError, match=r"made_for_processes.version is another function"):
        guarded.start(30)


def test_a_module_that_another_process_cannot_import_is_refused_where_it_is_defined(tmp_path, monkeypatch):
    """Loaded from a path; and one inside it."""
    (tmp_path / "plugin.py").write_text("def predict(request):\n    return 1\n")
    for name in ("plugin_of_a_path", "plugin_of_a_path.inner"):
        spec = importlib.util.spec_from_file_location(name, tmp_path / "plugin.py")
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        with pytest.raises(gr.ConfigurationError, match=f"cannot import its module, {name}: put it"):
            InProcess(module.predict)


def test_a_process_that_ends_before_it_is_ready_is_not_ready(made, monkeypatch):
    """Somebody kills it, or the machine has no room for it; the call is an error."""
    monkeypatch.setattr("guardrails._calls._process._BOOT", "")
    call = InProcess(made.work)
    assert not call.start(30)
    with pytest.raises(EndedError, match="before it was ready"):
        ask(call, "fine")


def test_a_late_call_is_late_also_where_there_are_no_more_processes(made, monkeypatch):
    """What cannot be started now is started by a later call."""
    call = InProcess(made.work)
    assert call.start(30)

    def refuse(self):
        raise BlockingIOError

    with monkeypatch.context() as patch:
        patch.setattr(InProcess, "_new", refuse)
        with pytest.raises(TimeoutError, match="killed"):
            ask(call, "hang", seconds=0.2)
    assert ask(call, "fine") == "fine"
    call.reset()


# --- through the guard -------------------------------------------------------------------------------------------


def test_a_decorated_function_of_a_module_and_a_method(made):
    """The child imports the module and calls what is under the guard."""
    decision = made.decorated({"x": 7})
    assert decision.value[1] == 7
    assert decision.value[0] != os.getpid()
    assert made.Service().predict({"x": 5}).value == 15
    made.decorated.reset()
    made.Service.predict.reset()


def test_a_late_call_is_a_deadline_and_the_next_one_answers(made):
    """The caller goes on at its deadline; the killed call is not left over."""
    budget = gr.Budget(0.4, enforcement="process", max_concurrent=1)
    guarded = gr.guard("g", budget=budget, breaker=None)(made.work)
    assert guarded.start(30)
    assert guarded("fine").value == "fine"

    assert code(guarded("hang")) == "deadline"
    until(lambda: guarded.status()["running"]["primary"] == 0)
    assert guarded.start(30)
    assert guarded("fine").value == "fine"
    assert guarded.status()["abandoned"] == {"primary": 0}
    guarded.reset()


def test_a_call_that_finds_no_process_ready_leaves_it_to_start(made):
    """It is late; a later call finds the same child ready."""
    guarded = gr.guard(budget=gr.Budget(0.1, enforcement="process"))(made.work)
    assert code(guarded("fine")) == "deadline"
    until(lambda: guarded.status()["running"]["primary"] == 0)
    (child,) = guarded._engine.candidates[0].process._idle
    assert child.starting
    assert guarded.start(30)
    assert list(guarded._engine.candidates[0].process._idle) == [child]
    guarded.reset()


def test_more_calls_than_processes_are_refused_at_once(made):
    """`max_concurrent` is the number of children."""
    budget = gr.Budget(0.6, enforcement="process", max_concurrent=1)
    guarded = gr.guard(budget=budget)(made.work)
    assert guarded.start(30)
    first = threading.Thread(target=guarded, args=("hang",))
    first.start()
    until(lambda: guarded.status()["running"]["primary"] == 1)

    begin = time.monotonic()
    assert code(guarded("fine")) == "saturated"
    assert time.monotonic() - begin < 0.3
    first.join()
    guarded.reset()


def test_an_async_guard_has_a_fallback_in_a_process(made):
    """The event loop goes on meanwhile."""

    async def predict(request):
        raise ConnectionError

    chain = [gr.Fallback(made.work, enforcement="process")]
    guarded = gr.guard(budget=20.0, fallbacks=chain)(predict)
    assert guarded.start(30)

    async def main():
        beats = 0

        async def beat():
            nonlocal beats
            while True:
                beats += 1
                await asyncio.sleep(0.001)

        beating = asyncio.create_task(beat())
        decision = await guarded("fallback")
        beating.cancel()
        return decision, beats

    decision, beats = asyncio.run(main())
    assert (decision.value, decision.served_by) == ("fallback", "work")
    assert beats >= 1
    guarded.reset()


def test_a_dropped_guard_takes_its_processes_along(made):
    """And `reset()` ends them."""
    call = InProcess(made.work)
    call.start(30)
    pid = ask(call, "pid")
    children = [weakref.ref(child) for child in call._idle]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del call
        gc.collect()

    assert children[0]() is None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def alive(pid):
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):  # it may go between the two
        return False


@pytest.mark.parametrize(
    "end", ["", "os._exit(0)", "os.kill(os.getpid(), 9)"], ids=["exit", "_exit", "killed"]
)
def test_the_children_end_with_their_parent(made, end):
    """However it ends, and also while one of them holds the interpreter's lock."""
    code = f"""
import os, sys, threading
sys.path.insert(0, {str(Path(made.__file__).parent)!r})
import guardrails as gr, made_for_processes as made
guarded = gr.guard(budget=gr.Budget(60.0, enforcement="process"))(made.work)
guarded.start(30)
print(guarded("pid").value, flush=True)
threading.Thread(target=guarded, args=("spin",), daemon=True).start()
while not guarded.status()["running"]["primary"]: pass
{end}
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    pid = int(done.stdout)
    until(lambda: not alive(pid))
    assert done.stderr == ""


def test_a_forked_process_starts_children_of_its_own(made):
    """And leaves its parent's alone, as it does at its end."""
    code = f"""
import os, sys
sys.path.insert(0, {str(Path(made.__file__).parent)!r})
import warnings; warnings.simplefilter("error")
import guardrails as gr, made_for_processes as made
guarded = gr.guard(budget=gr.Budget(60.0, enforcement="process"))(made.work)
assert guarded.start(30)
mine = guarded("pid").value
warnings.simplefilter("ignore")
child = os.fork()
if child == 0:
    print("child", guarded("pid").value, flush=True)
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
print("parent", mine, guarded("pid").value)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == ""
    (_, forked), (_, mine, again) = (line.split() for line in done.stdout.splitlines())
    assert mine == again != forked
    assert not alive(int(forked))
