"""The switch against a plain model of its file, whatever becomes of it; and the command that flips it."""

import json
import os
import pickle
import subprocess
import sys
import threading
import time
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

import guardrails as gr
from guardrails.__main__ import main
from guardrails.testing import VirtualClock

WHO = {"owner": "ada", "reason": "drifts"}


@pytest.fixture
def clock():
    return VirtualClock()


@pytest.fixture
def switch(tmp_path, clock):
    return gr.Switch(tmp_path / "switch.jsonl", clock=clock)


class Machine(RuleBasedStateMachine):
    """Two writers, one reader, and everything that can happen to a file."""

    kind = gr.Switch
    path = None

    @initialize()
    def begin(self):
        self.path.unlink(missing_ok=True)
        self.clock = VirtualClock()
        self.writers = [gr.Switch(self.path, clock=self.clock) for _ in range(2)]
        self.reader = self.kind(self.path, clock=self.clock)
        self.written, self.known, self.flip, self.saved = {}, [], None, b""

    def content(self):
        return self.path.read_bytes() if self.path.exists() else b""

    @rule(
        writer=st.integers(0, 1),
        state=st.sampled_from(["normal", "fallback_only", "review_all"]),
        seconds=st.sampled_from([1.0, 60.0]),
    )
    def flip_it(self, writer, state, seconds):
        self.clock.advance(0.001)
        flip = self.writers[writer].set(state, **WHO, seconds=None if state == "normal" else seconds)
        line = self.content().splitlines()[-1]
        assert line not in self.written
        self.written[line] = (flip, self.clock.time() + seconds)

    @rule(
        rest=st.sampled_from(
            [b"\n", b'{"state": "normal"}\n', b"\xff\x00\n", b'{"state": "rev', b"[[[[\n", b"[]\n"]
        )
    )
    def spoil(self, rest):
        with self.path.open("ab") as file:
            file.write(rest)

    @rule(share=st.floats(0, 1))
    def cut(self, share):
        content = self.content()
        if self.path.exists():
            os.truncate(self.path, int(len(content) * share))

    @rule()
    def remove(self):
        self.saved = self.content() or self.saved
        self.path.unlink(missing_ok=True)

    @rule()
    def restore(self):
        if not self.path.exists():
            self.path.write_bytes(self.saved)

    @rule(seconds=st.sampled_from([0.5, 0.9, 61.0]))
    def look(self, seconds):
        """Within a second the reader has what is in the file, and says what is wrong with it."""
        self.clock.advance(seconds)
        lines = [line for line in self.content().splitlines() if line.strip()]
        good = [self.written[line] for line in lines if line in self.written]
        damaged = not self.path.exists() or (bool(lines) and lines[-1] not in self.written)
        if self.path.exists():
            if len(good) < len(self.known) and good == self.known[: len(good)]:
                damaged = True  # cut short: the last good state stays in force
            else:
                self.known, self.flip = good, good[-1] if good else self.flip
        state = "normal" if self.flip is None or self.clock.time() >= self.flip[1] else self.flip[0].state
        assert self.reader() == state
        assert bool(self.reader.problem) == damaged


CHECKS = settings(
    max_examples=80, stateful_step_count=30, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
    suppress_health_check=list(HealthCheck), print_blob=False,
)  # fmt: skip


def machine(kind, folder):
    return type("Machine", (Machine,), {"kind": kind, "path": folder / "switch.jsonl"})


def test_a_switch_keeps_the_last_good_state(tmp_path):
    """80 histories of 30 steps."""
    run_state_machine_as_test(machine(gr.Switch, tmp_path), settings=CHECKS)


class Trusting(gr.Switch):
    """A file that was cut short is believed."""

    def _take(self, lines):
        self._known = []
        super()._take(lines)


class Eternal(gr.Switch):
    """Nothing expires."""

    def _in_force(self):
        return "normal" if self.flip is None else self.flip.state


class Forgetful(gr.Switch):
    """A file that is missing means normal."""

    def _say(self, problem):
        super()._say(problem)
        self.flip = None


class Lazy(gr.Switch):
    def _look(self):
        super()._look()
        self._next_look += 5


@pytest.mark.parametrize("mutant", [Trusting, Eternal, Forgetful, Lazy], ids=lambda mutant: mutant.__name__)
def test_a_switch_with_a_mistake_is_found_out(mutant, tmp_path):
    """The model can fail."""
    with pytest.raises(AssertionError):
        # many more, since what is drawn depends on what else is imported; the first that fails is the last
        run_state_machine_as_test(machine(mutant, tmp_path), settings=settings(CHECKS, max_examples=800))


def test_a_flip_is_in_force_within_a_second_and_ends_by_itself(switch, clock):
    """In every process that reads the file."""
    other = gr.Switch(switch.path, clock=clock)
    assert other() == "normal"
    flip = switch.set("fallback_only", **WHO, seconds=timedelta(hours=1))

    assert switch() == "fallback_only"
    clock.advance(0.99)
    assert other() == "fallback_only"
    assert other.current() == flip
    clock.advance(3600)
    assert (other(), other.current()) == ("normal", None)
    assert switch.history() == [flip]


class Slow(gr.Switch):
    """A look takes until it is let go."""

    def _lines(self):
        self.looking.set()
        self.go.wait(20)
        yield from super()._lines()


def slow(switch):
    reader = Slow(switch.path, clock=switch.clock)
    reader.looking, reader.go = threading.Event(), threading.Event()
    return reader


def asked(reader, seen):
    thread = threading.Thread(target=lambda: seen.append(reader()))
    thread.start()
    return thread


@pytest.mark.parametrize("old", ["nothing known", "known for an hour"])
def test_whoever_knows_nothing_or_something_old_waits_for_the_look(switch, clock, old):
    """Eight first requests at once, or the first after a quiet hour: none of them calls what is switched off."""
    reader, seen = slow(switch), []
    if old == "known for an hour":
        reader.go.set()
        assert reader() == "normal"
        reader.go.clear()
        clock.advance(3600)
    switch.set("fallback_only", **WHO, seconds=600)
    threads = [asked(reader, seen) for _ in range(8)]
    assert reader.looking.wait(20)
    reader.go.set()
    for thread in threads:
        thread.join()

    assert seen == ["fallback_only"] * 8


def test_what_is_fresh_is_enough_while_another_looks(switch, clock):
    """Nobody waits for a file between half a second and a second after the last look."""
    switch.set("fallback_only", **WHO, seconds=600)
    reader, seen = slow(switch), []
    reader.go.set()
    assert reader() == "fallback_only"
    reader.go.clear()
    reader.looking.clear()
    switch.set("normal", **WHO)
    clock.advance(0.6)
    looks = asked(reader, seen)
    assert reader.looking.wait(20)

    assert reader() == "fallback_only"
    reader.go.set()
    looks.join()
    assert seen == ["normal"]


def test_a_file_system_that_hangs_holds_one_caller(switch, clock, monkeypatch, caplog):
    """The others wait once, and go on with what is known; once it answers, they follow it again."""
    monkeypatch.setattr("guardrails._switch._PATIENCE", 0.01)
    switch.set("fallback_only", **WHO, seconds=600)
    reader, seen = slow(switch), []
    hung = asked(reader, seen)
    assert reader.looking.wait(20)

    assert [reader(), reader()] == ["normal", "normal"]
    assert [record.message.split(": ")[1] for record in caplog.records] == [
        "a look at it does not return; what is known stays in force"
    ]
    reader.go.set()
    hung.join()
    assert (reader(), seen) == ("fallback_only", ["fallback_only"])


def test_the_file_is_only_ever_appended_to(switch, clock):
    """One JSON object a line, with owner, reason and expiry."""
    switch.set("review_all", **WHO, seconds=60)
    before = switch.path.read_bytes()
    switch.set("normal", owner="grace", reason="mended")

    assert switch.path.read_bytes().startswith(before)
    first, last = map(json.loads, switch.path.read_text().splitlines())
    assert (first["state"], first["owner"], first["reason"], last["until"]) == (
        "review_all",
        "ada",
        "drifts",
        "",
    )
    assert [flip.owner for flip in switch.history()] == ["ada", "grace"]


def test_a_missing_file_says_so_and_is_normal(switch, caplog):
    """Once: a wrong path must not go unnoticed."""
    assert [switch(), switch()] == ["normal", "normal"]
    assert switch.problem == "the file is missing"
    assert len(caplog.records) == 1
    assert switch.history() == []
    switch.set("normal", **WHO)
    assert (switch(), switch.problem) == ("normal", "")


def test_an_unreadable_file_says_so_until_it_can_be_read(switch, clock, monkeypatch):
    """The last good state stays in force."""
    switch.set("review_all", **WHO, seconds=600)
    kind, stat = type(switch.path), type(switch.path).stat

    def refuse(*args, **kwargs):
        raise PermissionError

    monkeypatch.setattr(kind, "stat", refuse)
    clock.advance(1)
    assert (switch(), switch.problem) == ("review_all", "it cannot be read (PermissionError)")
    monkeypatch.setattr(kind, "stat", stat)
    clock.advance(1)
    assert (switch(), switch.problem) == ("review_all", "")


LINE = {"state": "review_all", **WHO, "at": "2026-01-01T00:00:00+00:00", "until": "2026-01-02T00:00:00+00:00"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"until": "9999-01-01T00:00:00+00:00"},
        {"until": "2027-01-02T00:00:01+00:00"},
        {"until": ""},
        {"until": "2026-01-02T00:00:00"},
        {"at": ""},
        {"at": "2026-01-01T00:00:00"},
        {"at": "yesterday"},
        {"owner": "\udcff"},
        {"owner": None},
        {"state": "off"},
    ],
)
def test_a_line_by_hand_that_cannot_be_believed_is_malformed(switch, wrong):
    """A year at most from when it says it was written, as of a flip by `set`; and whole text."""
    switch.path.write_text(json.dumps(LINE) + "\n" + json.dumps({**LINE, **wrong}) + "\n")

    assert [flip.owner for flip in switch.history()] == ["ada"]
    switch()
    assert switch.problem == "its last line is malformed"


def test_a_file_that_becomes_something_else_holds_nobody(switch, clock, capsys):
    """A pipe, which nobody writes to; the last good state stays in force."""
    switch.set("review_all", **WHO, seconds=600)
    switch.path.unlink()
    os.mkfifo(switch.path)
    clock.advance(1)

    assert (switch(), switch.problem) == ("review_all", "it is no regular file")
    assert gr.Switch("/dev/zero")() == "normal"
    with pytest.raises(OSError, match="no regular file"):
        switch.set("normal", **WHO)
    code, _, err = command(capsys, switch.path, "normal", *FLIP)
    assert (code, "it is no regular file" in err) == (2, True)
    assert command(capsys, switch.path, "--history")[0] == 2


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (("off", {**WHO, "seconds": 60}), "state"),
        (("review_all", {**WHO}), "seconds="),
        (("review_all", {**WHO, "seconds": 0}), "seconds="),
        (("review_all", {**WHO, "seconds": float("inf")}), "seconds="),
        (("review_all", {**WHO, "seconds": float("nan")}), "seconds="),
        (("review_all", {**WHO, "seconds": True}), "seconds="),
        (("review_all", {**WHO, "seconds": timedelta(days=400)}), "seconds="),
        (("normal", {"owner": "", "reason": "x"}), "owner="),
        (("normal", {"owner": "x", "reason": "  "}), "reason="),
        (("normal", {"owner": 3, "reason": "x"}), "owner="),
        (("normal", {"owner": "\udcff", "reason": "x"}), "owner="),
        (("normal", {**WHO, "seconds": 10}), "seconds="),
    ],
)
def test_a_flip_that_says_too_little_is_refused(switch, given, name):
    """Who, why, and until when; the file is left alone."""
    state, more = given
    with pytest.raises(gr.ConfigurationError, match=rf"Switch.set\({name}\): must.*received"):
        switch.set(state, **more)
    assert not switch.path.exists()


class Bytes:
    def __fspath__(self):
        return b"switch"


@pytest.mark.parametrize("path", ["", None, 3, "a\0b", "\ud800", Bytes()])
def test_what_is_no_path_is_refused(path):
    """Where the switch is made."""
    with pytest.raises(gr.ConfigurationError, match=r"Switch\(path\).*must be the path"):
        gr.Switch(path)


def test_many_writers_never_mix_their_lines(tmp_path):
    """Eight threads with a switch each; every flip is in the file, whole."""
    path = tmp_path / "deep" / "switch.jsonl"

    def write(owner):
        mine = gr.Switch(path)
        for n in range(20):
            mine.set("normal", owner=owner, reason=f"{n}" + "x" * 3000)

    threads = [threading.Thread(target=write, args=(f"writer {k}",)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(gr.Switch(path).history()) == 160
    assert len(path.read_bytes().splitlines()) == 160


def test_a_switch_travels(switch):
    """By its path; what it has read stays behind."""
    switch.set("review_all", **WHO, seconds=600)
    again = pickle.loads(pickle.dumps(gr.Switch(switch.path)))

    assert again.path == switch.path
    assert repr(again) == f"<Switch {str(switch.path)!r}>"


def test_a_guard_follows_its_switch_and_tells_who_flipped_it(switch, clock):
    """Caveat, status; the primary is not called."""
    calls = []
    guarded = gr.guard(budget=5.0, switch=switch, fallbacks=[lambda request: 0], clock=clock)(calls.append)
    switch.set("fallback_only", owner="ada", reason="answers nonsense", seconds=600)
    decision = guarded({})

    assert (decision.route, decision.value, calls) == ("degraded", 0, [])
    (caveat,) = [each for each in decision.caveats if each.code == "switched_off"]
    assert "fallback_only, by ada until" in caveat.message
    assert "answers nonsense" in caveat.message
    told = guarded.status()
    assert told["switch"] == "fallback_only"
    assert (told["switched"]["owner"], told["switched"]["reason"]) == ("ada", "answers nonsense")
    switch.set("review_all", **WHO, seconds=600)
    assert guarded({}).route == "needs_review"
    switch.path.unlink()
    clock.advance(1)
    assert guarded({}).route == "needs_review"
    assert guarded.status()["switched"]["problem"] == "the file is missing"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_is_not_held_by_a_lock_of_its_parent(tmp_path):
    """A thread of the parent may have been looking at the file."""
    code = f"""
import os, warnings
warnings.simplefilter("ignore")
import guardrails as gr
switch = gr.Switch({str(tmp_path / "s.jsonl")!r})
switch.set("review_all", owner="ada", reason="x", seconds=60)
switch._lock.acquire()
child = os.fork()
if child == 0:
    os._exit(0 if switch() == "review_all" and switch.current().state == "review_all" else 1)
print(os.waitpid(child, 0)[1])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.strip() == "0"


# --- the command -------------------------------------------------------------------------------------------------


def command(capsys, *arguments):
    code = main(["switch", *map(str, arguments)])
    said = capsys.readouterr()
    return code, said.out, said.err


FLIP = ("--owner", "ada", "--reason", "answers nonsense")


def test_the_command_flips_and_reads(tmp_path, capsys):
    """0 at normal, 1 where it is not."""
    file = tmp_path / "switch.jsonl"
    code, out, _ = command(capsys, file, "fallback_only", *FLIP, "--for", "2h")
    assert (code, out.startswith("fallback_only until ")) == (0, True)
    assert out.endswith(", by ada: answers nonsense\n")
    assert command(capsys, file)[:2] == (1, out)
    assert gr.Switch(file)() == "fallback_only"
    lasts = gr.Switch(file).current()
    assert lasts.ends() - time.time() == pytest.approx(7200, abs=60)

    assert command(capsys, file, "normal", "--owner", "grace", "--reason", "mended")[0] == 0
    assert command(capsys, file) == (0, "normal\n", "")
    code, out, _ = command(capsys, file, "--history")
    assert code == 0
    assert [line.split("  ")[1].split(",")[1] for line in out.splitlines()] == [
        " by ada: answers nonsense",
        " by grace: mended",
    ]


def test_the_command_tells_of_a_damaged_file(tmp_path, capsys):
    """1, also where the state is normal."""
    file = tmp_path / "switch.jsonl"
    assert command(capsys, file) == (1, "normal\n", f"switch {str(file)!r}: the file is missing\n")
    file.write_text('{"state": "rev')
    code, out, err = command(capsys, file)
    assert (code, out) == (1, "normal\n")
    assert "half-written" in err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["review_all", *FLIP], "--for is required"),
        (["normal", *FLIP, "--for", "2h"], "--for is not for normal"),
        (["review_all", "--reason", "x", "--for", "2h"], "--owner is required"),
        (["review_all", "--owner", "x", "--reason", " ", "--for", "2h"], "--reason is required"),
        (["--owner", "x"], "name the state"),
        (["normal", *FLIP, "--history"], "--history only reads"),
        (["--history"], "no such file"),
        (["review_all", *FLIP, "--for", "9000d"], "at most a year"),
        (["review_all", *FLIP, "--for", "0s"], "positive"),
        (["review_all", "--owner", "\udcff", "--reason", "x", "--for", "2h"], "in Unicode"),
    ],
)
def test_a_mistake_is_exit_code_2_and_one_line(tmp_path, capsys, arguments, says):
    """And flips nothing."""
    code, out, err = command(capsys, tmp_path / "s.jsonl", *arguments)

    assert (code, out, err.count("\n")) == (2, "", 1)
    assert says in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments", [["off"], ["review_all", "--for", "soon"], ["review_all", "--for", "2"]]
)
def test_what_cannot_be_parsed_is_exit_code_2(tmp_path, capsys, arguments):
    """argparse says what it may be."""
    with pytest.raises(SystemExit) as mistake:
        main(["switch", str(tmp_path / "s.jsonl"), *arguments])
    assert mistake.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_exit_code_2(tmp_path, capsys):
    """A folder, say."""
    code, _, err = command(capsys, tmp_path, "normal", *FLIP)
    assert code == 2
    assert "directory" in err.lower()
