"""Rates and counters of the server."""

from mcserver.telemetry.statistics import CommandStatistics, Rates, ServerStatistics


def test_rates_are_of_the_time_between_two_samples():
    statistics = ServerStatistics()
    statistics.commands_processed = 1000
    statistics.sample(10.0)
    assert statistics.rates == Rates()
    statistics.commands_processed += 50
    statistics.bytes_in += 2048
    statistics.bytes_out += 100
    statistics.sample(12.0)
    assert statistics.rates == Rates(commands=25.0, bytes_in=1024.0, bytes_out=50.0)
    statistics.sample(13.0)
    assert statistics.rates == Rates()


def test_a_clock_that_stands_still_leaves_the_rates():
    statistics = ServerStatistics()
    statistics.sample(1.0)
    statistics.commands_processed = 8
    statistics.sample(2.0)
    statistics.sample(2.0)
    assert statistics.rates == Rates(commands=8.0)


def test_after_a_reset_rates_begin_anew():
    statistics = ServerStatistics()
    statistics.commands_processed = 9
    statistics.sample(1.0)
    statistics.reset()
    statistics.sample(2.0)
    assert statistics.rates == Rates()


def test_calls_that_took_long_together_count_each():
    counters = CommandStatistics()
    counters.record(3000, 3)
    counters.record(1)
    assert (counters.calls, counters.microseconds) == (4, 3001)
    assert counters.latency.total == 4
    assert counters.latency.percentiles([0.25]) == [1]
