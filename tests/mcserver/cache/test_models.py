"""The registry of models by itself: names that change hands, and counters that outlive their models."""

from mcserver.cache.models import Models, name_of
from mcserver.settings import Settings
from storage.records import Model


class Anyone:
    """A user that may know of every model."""

    sees_all = True


ANYONE = Anyone()


def record(model_id: int, name: str = "m", **settings: str) -> Model:
    return Model(model_id, name, 1, "table", 64, settings, 1000)


def walked(models: Models) -> list[str]:
    return models.page(0, count=100, pattern="*", user=ANYONE)[1]


def test_a_name_that_goes_over_to_another_model_keeps_its_place():
    models = Models(Settings())
    models.update(record(1))
    new = models.update(record(2))
    assert (models.find("m"), len(models), walked(models)) == (new, 1, ["m"])
    models.forget(1)
    assert (models.find("m"), models.by_id(1), walked(models)) == (new, None, ["m"])
    models.forget(2)
    models.forget(2)
    assert (models.find("m"), len(models), walked(models)) == (None, 0, [])


def test_a_model_that_is_told_again_keeps_its_state():
    models = Models(Settings())
    state = models.update(record(1))
    state.statistics.sets = 1
    assert models.update(record(1, threshold="0.5")) is state
    assert (state.settings.threshold, state.statistics.sets, walked(models)) == (0.5, 1, ["m"])


def test_counters_outlive_their_model():
    models = Models(Settings())
    models.update(record(1)).statistics.exact = 3
    models.update(record(2, "n")).statistics.exact = 4
    models.miss(2)
    for model_id in (None, 1, 2):
        models.forget(model_id or 0)
        assert sum(one.exact for one in models.statistics()) == 7
        assert sum(one.misses.total() for one in models.statistics_seen(ANYONE)) == 2


def test_used():
    models = Models(Settings())
    state = models.update(record(1))
    assert state.last_used == 1000
    assert (models.use("m", 5000), models.use("none", 6000), state.last_used) == (state, None, 5000)


def test_bytes_that_are_no_utf8_name_no_model():
    assert name_of("模型".encode()) == "模型"
    assert name_of(b"\xff") == "\udcff"
