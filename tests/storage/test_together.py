"""Many requests at once: in order, bounded, and no error is lost."""

from __future__ import annotations

import threading
import time

import pytest

from share_dist.storage.together import AT_ONCE, Background, together


def test_results_come_in_the_order_of_their_items_whoever_is_first():
    def slow_for_small(number):
        time.sleep((20 - number) / 1000)
        return number * number

    assert together(slow_for_small, range(20)) == [number * number for number in range(20)]
    with pytest.raises(ZeroDivisionError):
        together(lambda number: 1 // number, range(3))


def test_work_in_the_background_is_bounded_and_all_of_it_is_done_in_the_end():
    under_way, most, lock = [0], [0], threading.Lock()

    def work(number):
        with lock:
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
        time.sleep(0.002)
        with lock:
            under_way[0] -= 1
        return number

    found = []
    with Background() as background:
        for number in range(200):
            background.start(lambda number=number: work(number))
            found += background.finished()
        found += background.finished(all_of_it=True)
    assert sorted(found) == list(range(200))
    assert 1 < most[0] <= AT_ONCE


def test_what_a_thread_raises_is_raised_at_the_next_turn_and_what_has_begun_is_finished():
    done = []

    def fail():
        raise OSError("no room")

    def work():
        with Background() as background:
            background.start(lambda: (time.sleep(0.05), done.append("begun")))
            background.start(fail)
            while True:
                background.finished()

    with pytest.raises(OSError, match="no room"):
        work()
    assert done == ["begun"]
