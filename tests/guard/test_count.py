"""Counting without a lock."""

import sys
import threading

from guardrails._guard._count import Count


def test_no_count_is_lost_between_threads_and_readers():
    """Eight threads count while others read, and the interpreter switches as often as it can."""
    count, before = Count(), sys.getswitchinterval()
    seen = []

    def counts():
        for i in range(5_000):
            count.one()
            if i % 50 == 0:
                count.many(2)
                seen.append(count.value())

    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=counts) for _ in range(8)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    finally:
        sys.setswitchinterval(before)

    assert count.value() == count.value() == 8 * (5_000 + 100 * 2)
    assert max(seen) <= 8 * (5_000 + 100 * 2)


def test_reading_changes_nothing():
    count = Count()
    assert [count.value(), count.value()] == [0, 0]
    count.one()
    count.many(3)
    assert [count.value(), count.value()] == [4, 4]
