"""Durations by how long they were."""

from alogd.daemon.histogram import BOUNDS, Histogram


def test_each_duration_is_counted_once_at_the_first_bound_that_holds_it():
    histogram = Histogram()
    for seconds in (0.0, 0.002, 0.0021, 5.0, 5.1):
        histogram.add(seconds)
    assert histogram.counts == [2, 1, *[0] * (len(BOUNDS) - 3), 1, 1]
    assert histogram.sum == sum((0.0, 0.002, 0.0021, 5.0, 5.1))
