"""A function in a process of its own: real children, each test as few of them as it can."""

import asyncio
import gc
import importlib.util
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
import weakref
from pathlib import Path

import numpy as np
import pytest

import guardrails as gr
from guardrails._calls._child import RemoteError
from guardrails._calls._outcome import KilledError
from guardrails._calls._process import EndedError, InProcess, StartError
from guardrails._clock import deadline

MODULE = """
import dataclasses, functools, os, signal, sys, time
import guardrails as gr


@dataclasses.dataclass(frozen=True)
class FrozenError(ConnectionError):
    a: int


def twice(fn):
    @functools.wraps(fn)
    def wrapper(*args):
        return 2 * fn(*args)
    return wrapper


def model(x):
    return x


doubled = twice(model)


def versioned(x):
    return "v1"


first = versioned


def versioned(x):
    return "v2"


class Refused(Exception):
    def __init__(self, a, b):
        super().__init__(f"{a} {b}")


def work(what, *more):
    if what == "raise":
        raise ValueError("from the child")
    if what == "frozen":
        raise FrozenError(1)
    if what == "odd":
        raise Refused(1, 2)
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
    if what == "double":
        return more[0] * 2
    return what


@gr.guard("decorated", budget=gr.Budget(20.0, enforcement="process"))
def decorated(request):
    return [os.getpid(), request["x"]]


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


def test_an_exception_comes_back_with_the_childs_traceback(work):
    """As a note, since a traceback cannot be sent; one that cannot be sent itself is named."""
    with pytest.raises(ValueError, match="from the child") as raised:
        ask(work, "raise")
    assert "in work" in "".join(raised.value.__notes__)

    with pytest.raises(RuntimeError, match="Refused"):
        ask(work, "odd")
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
        child._line.send_bytes(request)
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


def test_a_function_that_the_child_does_not_find_says_so(tmp_path, monkeypatch, capfd):
    """At `start()`, or as an error of the call; the child's own words are on stderr."""
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    path = tmp_path / "not_on_the_path.py"
    path.write_text("def work(what):\n    return what\n")
    spec = importlib.util.spec_from_file_location("not_on_the_path", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["not_on_the_path"] = module
    spec.loader.exec_module(module)

    with pytest.raises(
        gr.ConfigurationError, match=r"enforcement='process'.*ModuleNotFoundError while the process"
    ):
        InProcess(module.work).start(30)
    assert "not_on_the_path" in capfd.readouterr().err
    with pytest.raises(StartError):
        InProcess(module.work)("x")


def test_a_name_that_leads_to_another_function_is_not_believed(made):
    """A wrapper has the name of what it wraps, and a later definition that of an earlier one."""
    doubled, first = InProcess(made.doubled), InProcess(made.first)
    assert (made.doubled(3), doubled(3)) == (6, 6)
    assert (made.first(0), first(0), InProcess(made.versioned)(0)) == ("v1", "v1", "v2")


def test_a_frozen_exception_is_the_one_that_was_raised(made):
    """Here; from there its class is told, since it cannot be made anew out of a pickle."""
    with pytest.raises(RemoteError, match="FrozenError"):
        InProcess(made.work)("frozen")
    with deadline(60.0), pytest.raises(made.FrozenError):
        raise made.FrozenError(1)


def test_a_child_that_has_stopped_reading_is_killed_and_replaced(made):
    """A request larger than the line holds is not waited for past the deadline."""
    worker = InProcess(made.work)
    pid = worker("pid")
    os.kill(pid, signal.SIGSTOP)
    begin = time.monotonic()
    with deadline(0.3), pytest.raises(KilledError):
        worker("double", b"x" * 50_000_000)
    assert time.monotonic() - begin < 10
    assert worker("pid") != pid
    worker.reset()


ORPHAN = """
import re, threading
from guardrails._calls import _child
_child._ORPHANED = 0.1
print("begins", flush=True)
_child._answer(re.match, (r"(a+)+$", "a" * 60 + "b"), {}, 0.1)
"""


def test_a_call_that_nobody_can_kill_ends_with_its_time():
    """C code that holds the lock, and a parent that is gone: the system ends the process."""
    ended = subprocess.run([sys.executable, "-c", ORPHAN], capture_output=True, timeout=60, check=False)
    assert (ended.stdout, ended.returncode) == (b"begins\n", -signal.SIGALRM)


def test_a_budget_of_years_is_a_budget(made):
    """Though no timeout of the system is as long."""
    with deadline(3e9):
        assert InProcess(made.work)("same") == "same"


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
    """However it ends, and also while one of them hangs."""
    code = f"""
import os, sys, threading
sys.path.insert(0, {str(Path(made.__file__).parent)!r})
import guardrails as gr, made_for_processes as made
guarded = gr.guard(budget=gr.Budget(60.0, enforcement="process"))(made.work)
guarded.start(30)
print(guarded("pid").value, flush=True)
threading.Thread(target=guarded, args=("hang",), daemon=True).start()
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
