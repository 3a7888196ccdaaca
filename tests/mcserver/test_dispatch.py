"""From words to a command, and from exceptions to error replies."""

import gc
import weakref

import pytest

from embedding.errors import EmbedderOverloaded, EmbedderUnavailable, ModelFilesError
from mcserver.dispatch import wire_error
from mcserver.settings import SettingError
from protocol.errors import CommandError
from storage.errors import StoreCorrupt, StoreOverloaded, StoreUnavailable
from tests.mcserver.parts import error_text


class TestResolve:
    @pytest.mark.parametrize(
        ("words", "refusal"),
        [
            (["NONSENSE", "a", "b"], "ERR unknown command 'NONSENSE', with args beginning with: 'a' 'b' "),
            (["CONFIG", "NONSENSE"], "ERR unknown subcommand 'NONSENSE'. Try CONFIG HELP."),
            (["CONFIG", "N\0X"], "ERR unknown subcommand 'N'. Try CONFIG HELP."),
            (["CONFIG"], "ERR wrong number of arguments for 'config' command"),
            (["mc.get", "m"], "ERR wrong number of arguments for 'mc.get' command"),
            (["config", "get"], "ERR wrong number of arguments for 'config|get' command"),
        ],
    )
    async def test_refused(self, parts, words, refusal):
        assert error_text(await parts.ask(*words)) == refusal

    async def test_names_in_any_case(self, parts):
        assert await parts.ask("PiNg") == b"PONG"
        assert await parts.ask("config", "GET", "port") == {"port": b"6380"}

    async def test_while_loading(self, parts):
        parts.context.loading = True
        for words in (["MC.GET", "m", "a"], ["MC.SET", "m", "a", "1"], ["PING"], ["DBSIZE"], ["FLUSHALL"]):
            assert error_text(await parts.ask(*words)) == "LOADING Redis is loading the dataset in memory"
        for words in (["INFO"], ["MC.HELP"], ["COMMAND", "COUNT"], ["CONFIG", "GET", "port"], ["CLIENT", "ID"], ["HELLO"]):
            assert await parts.ask(*words)
        assert await parts.ask("MULTI") == b"OK"

    async def test_before_authentication(self, parts):
        parts.settings.assign([("requirepass", "secret")])
        parts.client.authenticated = False
        assert error_text(await parts.ask("MC.GET", "m", "a")) == "NOAUTH Authentication required."
        assert error_text(await parts.ask("NONSENSE")).startswith("ERR unknown command")
        assert await parts.ask("AUTH", "secret") == b"OK"
        assert await parts.ask("MC.GET", "m", "a") is None

    async def test_the_last_command_is_noted(self, parts):
        await parts.ask("CONFIG", "GET", "port")
        assert parts.client.last_command == "config|get"


class TestWireError:
    @pytest.mark.parametrize(
        ("error", "code", "text"),
        [
            (CommandError("x", "NOAUTH"), "NOAUTH", "x"),
            (SettingError("x"), "ERR", "x"),
            (EmbedderOverloaded("x"), "BUSY", "x"),
            (StoreOverloaded("x"), "BUSY", "x"),
            (EmbedderUnavailable("x"), "UNAVAILABLE", "x"),
            (ModelFilesError("x"), "UNAVAILABLE", "x"),
            (StoreUnavailable("x"), "UNAVAILABLE", "x"),
            (StoreCorrupt("x"), "UNAVAILABLE", "x"),
        ],
    )
    def test_known_ones(self, error, code, text):
        found = wire_error(error)
        assert (found.code, str(found)) == (code, text)

    def test_the_request_is_let_go_of_without_a_garbage_collection(self):
        class Argument:
            """Stands for the bytes of one, which cannot be watched."""

        def run(argument: Argument) -> CommandError:
            try:
                raise CommandError(f"{argument} is too long")  # noqa: TRY301 - this frame has to be in the traceback
            except CommandError as error:
                result = wire_error(error)
            return result

        gc.disable()
        try:
            argument = Argument()
            watched = weakref.ref(argument)
            run(argument)
            del argument
            assert watched() is None
        finally:
            gc.enable()

    def test_all_others_are_logged_and_tell_nothing(self, caplog):
        found = wire_error(KeyError("a query"), "mc.get")
        assert (found.code, str(found)) == ("ERR", "internal error in 'mc.get': KeyError; the server's log has the details")
        assert caplog.messages == ["event=command-failed command=mc.get"]
