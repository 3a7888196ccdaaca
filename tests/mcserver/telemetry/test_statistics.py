"""Counters and percentiles."""

from hypothesis import given
from hypothesis import strategies as st

from mcserver.telemetry.statistics import Latency, ModelStatistics, ServerStatistics


class TestLatency:
    def test_nothing_recorded(self):
        assert Latency().percentiles((0.5, 0.99)) == [0, 0]

    @given(st.lists(st.integers(0, 10**9), min_size=1, max_size=50))
    def test_at_most_an_eighth_too_high(self, values):
        latency = Latency()
        for value in values:
            latency.record(value)
        values.sort()
        for share, found in zip((0.01, 0.5, 1), latency.percentiles((0.01, 0.5, 1)), strict=True):
            exact = values[max(0, -int(-share * len(values) // 1) - 1)]
            assert exact <= found <= exact * 9 / 8

    def test_percentiles_in_any_order(self):
        latency = Latency()
        for value in (1, 2, 3, 4):
            latency.record(value)
        assert latency.percentiles((1, 0, 0.5)) == [4, 1, 2]

    @given(st.lists(st.integers(0, 2**40), min_size=1, max_size=50))
    def test_doublings_count_what_is_below_each_power_of_two(self, values):
        latency = Latency()
        for value in values:
            latency.record(value)
        found = latency.doublings()
        assert list(found.values())[-1] == len(values)
        for bound, count in list(found.items())[:-1]:
            assert bound.bit_count() == 1
            assert count == sum(value < bound for value in values)
            assert any(bound // 2 <= value < bound for value in values)

    def test_no_doublings_of_nothing(self):
        assert Latency().doublings() == {}

    def test_several_at_once(self):
        latency = Latency()
        latency.record(5, 99)
        latency.record(1000)
        assert latency.total == 100
        low, high = latency.percentiles((0.99, 1))
        assert (low, high >= 1000) == (5, True)

    def test_what_cannot_be(self):
        latency = Latency()
        latency.record(-5)
        latency.record(1 << 70)
        assert latency.percentiles((0.5,)) == [0]
        assert latency.percentiles((1,))[0] > 1 << 30


def test_counters_of_one_model_are_added_to_those_of_another():
    first, second = (ModelStatistics(exact=1, semantic=2, sets=3, tokens_saved=4, cost_saved=0.5) for _ in range(2))
    first.misses["empty"] = 1
    second.misses.update(empty=2, tags=3)
    first.latency.record(5)
    second.latency.record(100)
    first.add(second)
    assert (first.exact, first.semantic, first.sets, first.tokens_saved, first.cost_saved) == (2, 4, 6, 8, 1.0)
    assert first.misses == {"empty": 3, "tags": 3}
    assert (first.latency.total, first.latency.percentiles((0.5, 1))[0]) == (2, 5)
    assert second.misses == {"empty": 2, "tags": 3}


def test_a_model_goes_back_to_zero_in_place():
    statistics = ModelStatistics(exact=3)
    statistics.misses["empty"] += 1
    statistics.latency.record(5)
    statistics.reset()
    assert (statistics.exact, statistics.misses, statistics.latency.total) == (0, {}, 0)


def test_the_server_goes_back_to_zero_in_place():
    statistics = ServerStatistics()
    statistics.command("ping").record(30, 3)
    assert (statistics.command("ping").calls, statistics.command("ping").microseconds) == (3, 30)
    assert statistics.command("ping").latency.percentiles((1,)) == [10]
    statistics.reset()
    assert statistics.commands == {}


def test_times_of_single_calls_are_kept_where_that_is_wanted():
    statistics = ServerStatistics()
    statistics.command("ping").record(5)
    statistics.track(False)
    for name in ("ping", "echo"):
        statistics.command(name).record(5)
    assert [(counters.calls, counters.latency.total) for counters in statistics.commands.values()] == [(2, 1), (1, 0)]
    statistics.reset()
    statistics.command("ping").record(5)
    assert statistics.command("ping").latency.total == 0
    statistics.track(True)
    statistics.command("ping").record(5)
    assert statistics.command("ping").latency.total == 1
