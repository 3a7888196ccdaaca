"""Settings in force: shown, changed, per model."""

import dataclasses

import pytest

from mcserver.settings import ModelSettings, SettingError, Settings, check_model_setting, describe_model
from mcserver.settings.server import MODEL_TABLE, TABLE

FAILED = "CONFIG SET failed (possibly related to argument '{}') - {}"


@pytest.fixture
def settings():
    return Settings()


def test_every_default_is_valid_and_reads_back():
    for row in TABLE.values():
        assert row.parse(row.format(row.default), row.default) == row.default, row.name
        assert row.parse(row.kind.written(row.default), row.default) == row.default, row.name


def test_every_name_is_kebab_case_and_explained():
    for name, row in TABLE.items():
        assert name == name.lower().replace("_", "-")
        assert row.help.endswith("."), name


def test_the_table_holds_every_public_field():
    assert {row.attribute for row in TABLE.values()} == {field.name for field in dataclasses.fields(Settings) if field.init}


def test_attributes_hold_the_defaults(settings):
    assert settings.port == 6380
    assert settings.bind == ("127.0.0.1", "-::1")
    assert settings.long_text_chars == 256


def test_reading_only(settings):
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.port = 7


class TestDescribe:
    @pytest.mark.parametrize(
        ("patterns", "names"),
        [
            (["port"], ["port"]),
            (["TIMEOUT"], ["TIMEOUT"]),
            (["TIME*t"], ["timeout"]),
            (["*timeout", "port"], ["timeout", "shutdown-timeout", "port"]),
            (["time[^x]ut"], ["timeout"]),
            (["time[^o]ut"], []),
            (["p?rt", "port"], ["port"]),
            (["nosuch"], []),
            ([], []),
        ],
    )
    def test_globs(self, settings, patterns, names):
        assert list(settings.describe(patterns)) == names

    def test_all(self, settings):
        assert list(settings.describe(["*"])) == list(TABLE)

    def test_forms_that_tools_read(self, settings):
        assert settings.describe(["databases", "save", "appendonly", "protected-mode", "proto-max-bulk-len", "bind"]) == {
            "databases": "1",
            "save": "",
            "appendonly": "yes",
            "protected-mode": "yes",
            "proto-max-bulk-len": "536870912",
            "bind": "127.0.0.1 -::1",
        }


class TestAssign:
    def test_several(self, settings):
        settings.assign([("TIMEOUT", "5"), ("proto-max-bulk-len", "100mb"), ("requirepass", "a b")])
        assert settings.describe(["timeout", "proto-max-bulk-len", "requirepass"]) == {
            "timeout": "5",
            "proto-max-bulk-len": "104857600",
            "requirepass": "a b",
        }

    def test_parts_of_a_value_stay(self, settings):
        settings.assign([("client-output-buffer-limit", "normal 1 2 3")])
        assert settings.client_output_buffer_limit.normal.hard == 1
        assert settings.client_output_buffer_limit.pubsub == Settings().client_output_buffer_limit.pubsub

    @pytest.mark.parametrize(
        ("pairs", "message"),
        [
            ([("nosuch", "1")], "Unknown option or number of arguments for CONFIG SET - 'nosuch'"),
            ([("timeout", "x"), ("nosuch", "1")], "Unknown option or number of arguments for CONFIG SET - 'nosuch'"),
            ([("databases", "3"), ("nosuch", "1")], FAILED.format("databases", "can't set immutable config")),
            ([("databases", "1")], FAILED.format("databases", "can't set immutable config")),
            ([("timeout", "x"), ("databases", "3")], FAILED.format("databases", "can't set immutable config")),
            ([("timeout", "1"), ("TIMEOUT", "2")], FAILED.format("TIMEOUT", "duplicate parameter")),
            ([("TIMEOUT", "x")], FAILED.format("timeout", "argument couldn't be parsed into an integer")),
            ([("timeout", "-1")], FAILED.format("timeout", "argument must be between 0 and 2147483647 inclusive")),
            ([("protected-mode", "maybe")], FAILED.format("protected-mode", "argument must be 'yes' or 'no'")),
        ],
    )
    def test_refuses_in_the_words_of_redis(self, settings, pairs, message):
        with pytest.raises(SettingError) as caught:
            settings.assign(pairs)
        assert str(caught.value) == message

    def test_all_or_nothing(self, settings):
        called = []
        settings.subscribe("timeout", lambda: called.append("timeout"))
        with pytest.raises(SettingError):
            settings.assign([("timeout", "5"), ("maxclients", "x")])
        assert settings.timeout == 0
        assert called == []


class TestSubscribe:
    def test_called_after_all_is_changed(self, settings):
        seen = []
        settings.subscribe("timeout", lambda: seen.append((settings.timeout, settings.maxclients)))
        settings.assign([("timeout", "5"), ("maxclients", "9")])
        assert seen == [(5, 9)]

    def test_not_called_when_the_value_stays(self, settings):
        seen = []
        settings.subscribe("timeout", lambda: seen.append("timeout"))
        settings.assign([("timeout", "0"), ("maxclients", "9")])
        assert seen == []

    def test_called_once_for_several_settings(self, settings):
        seen = []

        def note():
            seen.append(1)

        settings.subscribe("timeout", note)
        settings.subscribe("maxclients", note)
        settings.assign([("timeout", "5"), ("maxclients", "9")])
        assert seen == [1]

    def test_unknown_name(self, settings):
        with pytest.raises(SettingError, match="unknown setting 'time-out', did you mean 'timeout'"):
            settings.subscribe("time-out", lambda: None)


class TestModel:
    def test_server_values_unless_its_own(self, settings):
        settings.assign([("threshold", "0.8"), ("default-ttl", "60")])
        model = settings.model({"threshold": "0.99", "context": "last-turn"})
        assert (model.threshold, model.default_ttl, model.context) == (0.99, 60, "last-turn")

    def test_is_frozen(self, settings):
        model = settings.model({})
        assert type(model) is ModelSettings
        with pytest.raises(dataclasses.FrozenInstanceError):
            model.threshold = 0.0

    def test_unknown_names_of_a_newer_node_are_passed_over(self, settings):
        assert settings.model({"not-yet-known": "1", "port": "7"}) == settings.model({})

    def test_bad_stored_value(self, settings):
        with pytest.raises(SettingError, match="threshold got '2', expected a number from 0 to 1"):
            settings.model({"threshold": "2"})

    def test_described_by_glob(self, settings):
        model = settings.model({"threshold": "0.4", "threshold-long": "0.5", "threshold-context": "0.6"})
        assert describe_model(model, ["THRESHOLD*"]) == {"threshold": "0.4", "threshold-long": "0.5", "threshold-context": "0.6"}
        assert list(describe_model(model, ["*"])) == list(MODEL_TABLE)

    def test_check(self):
        assert check_model_setting("Long-Text-Chars", "10") == 10

    @pytest.mark.parametrize(
        ("name", "text", "message"),
        [
            ("thresold", "1", "unknown setting 'thresold', did you mean 'threshold'?"),
            ("port", "1", "unknown setting 'port'"),
            ("context", "some", "context got 'some', expected one of match, last-turn, splice"),
        ],
    )
    def test_check_refuses(self, name, text, message):
        with pytest.raises(SettingError) as caught:
            check_model_setting(name, text)
        assert str(caught.value) == message
