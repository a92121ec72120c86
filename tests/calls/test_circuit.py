"""The circuit against a plain model of what it promises, and the mutants that the model must tell apart."""

import pickle
import threading

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from guardrails._calls import Admission, Answer, Breaker, Circuit, Failure, State
from guardrails._calls._outcome import late
from guardrails._clock import SYSTEM_CLOCK
from guardrails._errors import ConfigurationError
from guardrails._types import CaveatCode
from guardrails.testing import VirtualClock

BREAKER = Breaker(
    failure_rate=0.5, slow_after=1.0, slow_rate=0.75, window=10.0, calls=8, min_calls=2, open_for=2.0, probes=2,
    ignore=(ValueError,),
)  # fmt: skip
PATIENCE = 4.0
ERROR = Failure(CaveatCode.error, "ConnectionError", ConnectionError())
OUTCOMES = {
    "good": (Answer(1, 0.5), False),
    "slow": (Answer(1, 1.5), False),
    "bad": (Answer(1, 0.5), True),
    "error": (ERROR, False),
    "late": (late(1.0, started=True), False),
    "ignored": (Failure(CaveatCode.error, "ValueError", ValueError()), False),
    "unmade": (late(0.0, started=False), False),
}
FAILED, SLOW, NOTHING = {"bad", "error", "late"}, {"bad", "error", "late", "slow"}, {"ignored", "unmade"}


class Machine(RuleBasedStateMachine):
    """Calls that begin, end in any order and any time later, or never, while time passes."""

    kind = Circuit
    calls = Bundle("calls")

    def __init__(self):
        super().__init__()
        self.clock = VirtualClock()
        self.circuit = self.kind(BREAKER, self.clock)
        self.state, self.era, self.seen, self.good = State.closed, 0, [], 0
        self.reopen, self.probe_ends = 0.0, None

    def become(self, state):
        self.state, self.good, self.probe_ends = state, 0, None
        self.era += 1
        if state is State.open:
            self.reopen = self.clock.monotonic() + BREAKER.open_for
        if state is State.closed:
            self.seen = []

    @rule(target=calls)
    def begin(self):
        call = self.admit()
        return multiple() if call is None else call

    def admit(self):
        now = self.clock.monotonic()
        if self.state is State.open and now >= self.reopen:
            self.become(State.half_open)
        if self.probe_ends is not None and now > self.probe_ends:
            self.become(State.open)
        expected = Admission.call
        if self.state is State.open or (self.state is State.half_open and self.probe_ends is not None):
            expected = Admission.refused
        elif self.state is State.half_open:
            expected, self.probe_ends = Admission.probe, now + PATIENCE
        got = self.circuit.admit(PATIENCE)
        assert got is expected
        return None if got is Admission.refused else (self.era, self.circuit.generation)

    @rule(call=consumes(calls), outcome=st.sampled_from(sorted(OUTCOMES)))
    def end(self, call, outcome):
        self.record(call, outcome)

    @rule(outcomes=st.lists(st.sampled_from(["good", "error", "good", "slow"]), min_size=1, max_size=4))
    def calls_in_a_row(self, outcomes):
        """Without them, few histories would come to an open circuit, and fewer back."""
        for outcome in outcomes:
            call = self.admit()
            if call is not None:
                self.record(call, outcome)

    def record(self, call, outcome):
        era, generation = call
        given, bad = OUTCOMES[outcome]
        self.circuit.record(given, generation, bad=bad)
        if era != self.era or self.state is State.open:
            return  # a call from before a change of state says nothing about the state now
        if outcome in NOTHING:
            self.probe_ends = None
        elif self.state is State.closed:
            self.seen = [*self.seen, (self.clock.monotonic(), outcome)][-BREAKER.calls :]
            if outcome in SLOW and self.too_many():
                self.become(State.open)
        elif outcome in SLOW:
            self.become(State.open)
        else:
            self.probe_ends, self.good = None, self.good + 1
            if self.good == BREAKER.probes:
                self.become(State.closed)

    def too_many(self):
        recent = [o for at, o in self.seen if self.clock.monotonic() - at <= BREAKER.window]
        failed, slow = sum(o in FAILED for o in recent), sum(o in SLOW for o in recent)
        return len(recent) >= BREAKER.min_calls and (
            failed >= BREAKER.failure_rate * len(recent) or slow >= BREAKER.slow_rate * len(recent)
        )

    @rule(seconds=st.sampled_from([0.1, 2.0, 2.0, 4.5, 11.0]))
    def wait(self, seconds):
        self.clock.advance(seconds)

    @rule()
    def forget(self):
        self.circuit.reset()
        self.become(State.closed)
        self.era = -self.circuit.generation  # the calls before it are nobody's any more

    @invariant()
    def agrees(self):
        assert self.circuit.state is self.state


CHECKS = settings(
    max_examples=150, stateful_step_count=40, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
    suppress_health_check=list(HealthCheck), print_blob=False,
)  # fmt: skip


def machine(kind):
    return type("Machine", (Machine,), {"kind": kind})


def test_the_circuit_keeps_its_promises():
    """150 histories of 40 steps."""
    run_state_machine_as_test(machine(Circuit), settings=CHECKS)


class AnyGeneration(Circuit):
    """A late success closes an open circuit."""

    __slots__ = ()

    def record(self, outcome, generation, *, bad=False):
        super().record(outcome, self.generation, bad=bad)


class ManyProbes(Circuit):
    """Every call of a half-open circuit is a probe."""

    __slots__ = ()

    def admit(self, patience):
        self.probing = None
        return super().admit(patience)


class OneGoodProbe(Circuit):
    __slots__ = ()

    def _judge(self, now, *, good):
        self.good = 9
        super()._judge(now, good=good)


class FailedProbeStays(Circuit):
    __slots__ = ()

    def _judge(self, now, *, good):
        super()._judge(now, good=good or self.state is State.half_open)


class Impatient(Circuit):
    """A few failures are enough."""

    __slots__ = ()

    def _too_many(self, now):
        return any(failed for _, failed, _ in self._recent)


class LongMemory(Circuit):
    """Failures of long ago count."""

    __slots__ = ()

    def _too_many(self, now):
        return super()._too_many(min(at for at, _, _ in self._recent))


class WaitsForEver(Circuit):
    """A probe that never ends blocks all others."""

    __slots__ = ()

    def admit(self, patience):
        return super().admit(float("inf"))


class SlowIsFine(Circuit):
    __slots__ = ()

    def record(self, outcome, generation, *, bad=False):
        slow = isinstance(outcome, Answer) and not bad
        super().record(Answer(1, 0.0) if slow else outcome, generation, bad=bad)


class EverythingCounts(Circuit):
    """What was not made, and what is to be ignored."""

    __slots__ = ()

    def record(self, outcome, generation, *, bad=False):
        super().record(ERROR if isinstance(outcome, Failure) else outcome, generation, bad=bad)


MUTANTS = [
    AnyGeneration, ManyProbes, OneGoodProbe, FailedProbeStays, Impatient, LongMemory, WaitsForEver, SlowIsFine,
    EverythingCounts,
]  # fmt: skip


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_a_circuit_with_a_mistake_is_found_out(mutant):
    """The model can fail: each of these breaks one promise."""
    with pytest.raises(AssertionError):
        run_state_machine_as_test(machine(mutant), settings=settings(CHECKS, max_examples=2000))


def test_a_late_success_cannot_close_an_open_circuit():
    """Said plainly: it began before the circuit opened."""
    clock = VirtualClock()
    circuit = Circuit(Breaker(min_calls=1, probes=1), clock)
    before = circuit.generation
    circuit.record(ERROR, circuit.generation)
    clock.advance(5)
    assert circuit.admit(10) is Admission.probe

    circuit.record(Answer(1, 0.1), before)

    assert circuit.state is State.half_open
    assert circuit.admit(10) is Admission.refused


def test_a_circuit_that_only_observes_lets_every_call_through():
    """Its state is counted all the same, and closes again."""
    clock = VirtualClock()
    circuit = Circuit(Breaker(min_calls=2, probes=2, observe_only=True), clock)
    for _ in range(2):
        circuit.record(ERROR, circuit.generation)
    assert circuit.status() == {"state": "open", "opened": 1, "observe_only": True}
    assert {circuit.admit(1) for _ in range(3)} == {Admission.call}

    clock.advance(3)
    for _ in range(2):
        assert circuit.admit(1) is Admission.call
        circuit.record(Answer(1, 0.1), circuit.generation)

    assert circuit.state is State.closed


def test_threads_never_get_two_probes_at_once():
    """Eight threads ask a circuit that has just become due."""
    clock = VirtualClock()
    for _ in range(50):
        circuit = Circuit(Breaker(min_calls=1), clock)
        circuit.record(ERROR, circuit.generation)
        clock.advance(3)
        got, gate = [], threading.Barrier(8)

        def ask(circuit=circuit, got=got, gate=gate):
            gate.wait()
            got.append(circuit.admit(10))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(got) == [Admission.probe, *[Admission.refused] * 7]


def test_a_copy_of_a_circuit_is_closed():
    """State belongs to the process."""
    circuit = Circuit(Breaker(min_calls=1), VirtualClock())
    circuit.record(ERROR, circuit.generation)

    assert pickle.loads(pickle.dumps(Circuit(Breaker(), SYSTEM_CLOCK))).state is State.closed
    assert circuit.state is State.open


@pytest.mark.parametrize(
    "changes",
    [
        {"failure_rate": 0}, {"failure_rate": 1.1}, {"failure_rate": True}, {"failure_rate": "half"},
        {"slow_rate": -1}, {"slow_after": 0}, {"slow_after": float("nan")}, {"window": float("inf")},
        {"open_for": 0}, {"calls": 0}, {"min_calls": 2.5}, {"min_calls": 101}, {"probes": True},
        {"ignore": ValueError("x")}, {"ignore": (KeyboardInterrupt,)},
    ],
)  # fmt: skip
def test_a_breaker_that_cannot_work_is_refused(changes):
    """The message names the parameter, the value and the mend."""
    (name,) = changes
    with pytest.raises(ConfigurationError, match=rf"Breaker\({name}=\): .*must.*received"):
        Breaker(**changes)


def test_one_exception_to_ignore_needs_no_tuple():
    """As `retry_on`."""
    assert Breaker(ignore=KeyError).ignore == (KeyError,)
