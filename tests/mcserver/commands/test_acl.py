"""ACL: what users may do, and what follows when that changes."""

import stat
from pathlib import Path

import pytest

from mcserver.access import Access
from mcserver.access.log import GROUPING_MS, LONGEST
from mcserver.context import Client
from mcserver.folder import StartupError
from mcserver.settings import Settings, load_settings, rewrite
from mcserver.telemetry.statistics import ServerStatistics
from tests.mcserver.commands.wire import Wire, Words
from tests.mcserver.parts import SilentLink, error_text

NO_KEY = "NOPERM No permissions to access a key"
NO_CHANNEL = "NOPERM No permissions to access a channel"


async def log_in(wire: Wire, rules: str, name: str = "u") -> Client:
    """A connection of a user with these rules."""
    assert await wire.ask(f"ACL SETUSER {name} on nopass {rules}") == "OK"
    client = wire.connect()
    assert await wire.ask(f"AUTH {name} x", client) == "OK"
    return client


async def refused(wire: Wire, words: Words, client: Client) -> str:
    return error_text(await wire.ask(words, client))


def no_command(name: str, user: str = "u") -> str:
    return f"NOPERM User {user} has no permissions to run the '{name}' command"


class TestCommands:
    async def test_a_new_user_may_do_nothing_but_log_in(self, wire: Wire):
        client = await log_in(wire, "")
        assert await refused(wire, "PING", client) == no_command("ping")
        assert await refused(wire, "CONFIG GET x", client) == no_command("config|get")
        assert await refused(wire, "config", client) == "ERR wrong number of arguments for 'config' command"
        assert await refused(wire, "NOSUCH", client) == "ERR unknown command 'NOSUCH', with args beginning with: "
        assert await wire.ask("AUTH default x", client) == "OK"

    async def test_subcommands(self, wire: Wire):
        client = await log_in(wire, "+config -config|set")
        assert await wire.ask("CONFIG GET nosuch", client) == []
        assert await refused(wire, "CONFIG SET timeout 1", client) == no_command("config|set")
        await wire.send("ACL SETUSER u -@all +client|id")
        assert await wire.ask("CLIENT ID", client) == client.id
        assert await refused(wire, "CLIENT GETNAME", client) == no_command("client|getname")

    async def test_first_arguments(self, wire: Wire):
        client = await log_in(wire, "+select|0 +command|count")
        assert await wire.ask("SELECT 0", client) == "OK"
        assert await refused(wire, "SELECT 1", client) == no_command("select")
        await wire.send("ACL SETUSER u -select")
        assert await refused(wire, "SELECT 0", client) == no_command("select")

    async def test_categories(self, wire: Wire):
        client = await log_in(wire, "+@semantic -@write ~*")
        assert await wire.ask("MC.GET m q", client) is None
        assert await refused(wire, "MC.SET m q a", client) == no_command("mc.set")
        assert await refused(wire, "PING", client) == no_command("ping")

    async def test_a_change_takes_effect_at_once(self, wire: Wire):
        client = await log_in(wire, "+ping")
        assert await wire.ask("PING", client) == "PONG"
        await wire.send("ACL SETUSER u -ping")
        assert await refused(wire, "PING", client) == no_command("ping")

    async def test_a_rule_that_is_wrong_changes_nothing(self, wire: Wire):
        client = await log_in(wire, "+ping")
        text = error_text(await wire.ask("ACL SETUSER u -ping >new +nosuch"))
        assert text == "ERR Error in ACL SETUSER modifier '+nosuch': Unknown command or category name in ACL"
        assert await wire.ask("PING", client) == "PONG"
        assert (await wire.ask("ACL GETUSER u"))[3] == []

    async def test_selectors_are_refused(self, wire: Wire):
        text = error_text(await wire.ask([b"ACL", b"SETUSER", b"u", b"(+get ~a)"]))
        assert text.startswith("ERR Error in ACL SETUSER modifier '(+get ~a)': Selectors are not supported")
        assert await wire.ask("ACL GETUSER u") is None

    async def test_connections_of_an_ordinary_user_are_told_of_every_change(self, wire: Wire, monkeypatch: pytest.MonkeyPatch):
        told = []

        def note(link: SilentLink) -> None:
            told.append(link)

        monkeypatch.setattr(SilentLink, "disturb", note)
        for words in ["ACL SETUSER u", "ACL DELUSER u"]:
            await wire.send(words)
        assert told == [wire.client.link] * 2

    @pytest.mark.parametrize(
        ("rules", "unrestricted"),
        [
            ("~* &* +@all", True),
            ("allkeys allchannels allcommands -ping +ping", True),
            ("~* &* +@all -ping", False),
            ("~* +@all", False),
            ("&* +@all ~a", False),
            ("~* &* -@all", False),
            ("~* &* +@all -client|id", False),
            ("~* &* +@all -select +select|0", False),
            ("~* &* +@all reset", False),
        ],
    )
    async def test_who_is_unrestricted(self, rules: str, unrestricted: bool, wire: Wire):
        await wire.send(f"ACL SETUSER u {rules}")
        assert wire.context.access.users["u"].unrestricted is unrestricted


class TestKeys:
    async def test_patterns(self, wire: Wire):
        client = await log_in(wire, "+@all ~team-a:* ~shared")
        assert await wire.ask("MC.SET team-a:x q a", client) == "OK"
        assert await wire.ask("MC.SET shared q a", client) == "OK"
        for words in ["MC.SET team-b:x q a", "MC.GET shared2 q", "EXISTS team-a:x other", "MC.CONFIG GET m *", "WATCH m"]:
            assert await refused(wire, words, client) == NO_KEY, words

    async def test_bytes_that_are_no_text(self, wire: Wire):
        client = await log_in(wire, "+@all")
        await wire.send([b"ACL", b"SETUSER", b"u", b"~\xff*"])
        assert await wire.ask([b"EXISTS", b"\xff\xfe"], client) == 0
        assert await refused(wire, [b"EXISTS", b"\xfe\xff"], client) == NO_KEY

    async def test_reading_and_writing(self, wire: Wire):
        client = await log_in(wire, "+@all %R~r* %W~w* ~b*")
        await wire.send("MC.CREATE r")
        for words in ["MC.GET r q", "MC.SET w q a", "MC.SET b q a", "MC.GET b q", "EXISTS r w b", "TYPE w", "DEL w"]:
            assert not (await wire.send(words, client)).startswith(b"-"), words
        for words in ["MC.SET r q a", "MC.GET w q", "MC.DROP r", "DEL r", "EXISTS x"]:
            assert await refused(wire, words, client) == NO_KEY, words

    async def test_reading_and_writing_given_apart_is_both(self, wire: Wire):
        client = await log_in(wire, "+@all %R~a %W~a")
        assert await wire.ask("MC.SET a q x", client) == "OK"
        assert await wire.ask("MC.GET a q", client) == "x"

    @pytest.mark.parametrize("words", ["FLUSHALL", "FLUSHDB"])
    async def test_emptying_everything_needs_every_key(self, words: str, wire: Wire):
        client = await log_in(wire, "+@all ~a*")
        assert await refused(wire, words, client) == NO_KEY
        await wire.send("ACL SETUSER u %R~*")
        assert await refused(wire, words, client) == NO_KEY
        await wire.send("ACL SETUSER u %W~*")
        assert await wire.ask(words, client) == "OK"

    async def test_a_user_is_shown_the_models_under_its_patterns(self, wire: Wire):
        for model in ("team-a:x", "team-a:y", "team-b:x"):
            await wire.send(f"MC.CREATE {model}")
        client = await log_in(wire, "+@all %R~team-a:x %W~team-b:*")
        assert await wire.ask("MC.MODELS", client) == ["team-a:x", "team-b:x"]
        assert await wire.ask("DBSIZE", client) == 2


class TestChannels:
    async def test_publishing_and_subscribing(self, wire: Wire):
        client = await log_in(wire, "+@pubsub &news:*")
        assert await wire.ask("PUBLISH news:1 x", client) == 0
        assert not (await wire.send("SUBSCRIBE news:1 news:2", client)).startswith(b"-")
        await wire.send("UNSUBSCRIBE", client)
        for words in ["PUBLISH other x", "SPUBLISH other x", "SUBSCRIBE news:1 other", "SSUBSCRIBE other", "PSUBSCRIBE news:1"]:
            assert await refused(wire, words, client) == NO_CHANNEL, words
        assert not client.subscribed

    async def test_a_pattern_must_be_the_same_to_the_letter(self, wire: Wire):
        client = await log_in(wire, "+@pubsub &a*")
        assert not (await wire.send("PSUBSCRIBE a*", client)).startswith(b"-")
        assert client.patterns
        assert await refused(wire, "PSUBSCRIBE a*", await log_in(wire, "resetchannels &ab*")) == NO_CHANNEL

    async def test_anyone_may_unsubscribe(self, wire: Wire):
        client = await log_in(wire, "+@pubsub")
        for words in ["UNSUBSCRIBE x", "PUNSUBSCRIBE x", "SUNSUBSCRIBE x"]:
            assert not (await wire.send(words, client)).startswith(b"-")

    async def test_only_channels_of_its_own_are_listed(self, wire: Wire):
        await wire.send("SUBSCRIBE a b", wire.connect())
        client = await log_in(wire, "+@pubsub &a*")
        assert await wire.ask("PUBSUB CHANNELS", client) == ["a"]
        assert await wire.ask("PUBSUB CHANNELS *", client) == ["a"]
        assert await wire.ask("PUBSUB NUMSUB a b", client) == ["a", 1, "b", 0]

    @pytest.mark.parametrize("subscription", ["SUBSCRIBE one", "SSUBSCRIBE one", "PSUBSCRIBE one*"])
    async def test_subscribers_are_closed_when_they_may_not_subscribe_any_more(self, subscription: str, wire: Wire):
        client = await log_in(wire, "+@pubsub &one &one* &two")
        await wire.send(subscription, client)
        await wire.send("ACL SETUSER u resetchannels &one &one*")
        assert not client.link.closed
        await wire.send("ACL SETUSER u allchannels")
        await wire.send("ACL SETUSER u resetchannels &o*")
        assert client.link.closed is (subscription == "PSUBSCRIBE one*")
        await wire.send("ACL SETUSER u resetchannels &two")
        assert client.link.closed

    async def test_others_are_not(self, wire: Wire):
        client = await log_in(wire, "+@pubsub &one")
        await wire.send("ACL SETUSER u resetchannels")
        assert not client.link.closed


class TestTransactions:
    async def test_what_may_not_be_run_is_not_queued(self, wire: Wire):
        client = await log_in(wire, "+multi +exec +ping")
        await wire.send("MULTI", client)
        assert await refused(wire, "ECHO x", client) == no_command("echo")
        assert (await entries(wire))[0]["context"] == "multi"

    async def test_what_may_not_be_run_any_more_is_not_run(self, wire: Wire):
        client = await log_in(wire, "+@all ~a* &a*")
        for words in ["MULTI", "PING", "MC.SET a q x", "PUBLISH a x", "ECHO x"]:
            await wire.send(words, client)
        await wire.send("ACL SETUSER u -ping resetkeys resetchannels")
        beginning = (
            "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. "
            "This command is no longer allowed for the following reason: "
        )
        *denied, echoed = await wire.ask("EXEC", client)
        assert [str(one) for one in denied] == [
            f"{beginning}no permission to execute the command or subcommand",
            f"{beginning}no permission to touch the specified keys",
            f"{beginning}no permission to access one of the channels used as arguments to the command",
        ]
        assert echoed == "x"
        assert await wire.ask("EXISTS a") == 0
        assert [(entry["reason"], entry["context"]) for entry in await entries(wire)] == [
            ("channel", "multi"),
            ("key", "multi"),
            ("command", "multi"),
        ]


class TestDeletion:
    async def test_connections_are_closed_and_may_do_nothing(self, wire: Wire):
        client, other = await log_in(wire, "+@all ~* &*"), wire.connect()
        assert await wire.ask("ACL DELUSER u nobody") == 1
        assert (client.link.closed, other.link.closed) == (True, False)
        assert await refused(wire, "PING", client) == no_command("ping")
        assert await wire.ask("AUTH u x") is not None

    async def test_of_oneself_ends_after_the_reply(self, wire: Wire):
        client = await log_in(wire, "+acl")
        assert await wire.ask("ACL DELUSER u", client) == 1
        assert (client.closing, client.link.closed) == (True, False)

    async def test_of_default_is_refused_whatever_else_is_named(self, wire: Wire):
        await wire.send("ACL SETUSER u")
        assert error_text(await wire.ask("ACL DELUSER u default")) == "ERR The 'default' user cannot be removed"
        assert await wire.ask("ACL USERS") == ["default", "u"]


async def entries(wire: Wire) -> list[dict[str, object]]:
    found = await wire.ask("ACL LOG 1000")
    return [dict(zip(entry[::2], entry[1::2], strict=True)) for entry in found]


class TestLog:
    async def test_an_entry(self, wire: Wire):
        client = await log_in(wire, "+ping ~a")
        await wire.send("CONFIG GET x", client)
        wire.now += 1.5
        (entry,) = await entries(wire)
        line = entry.pop("client-info")
        assert f"id={client.id} " in line
        assert line.endswith("lib-name= lib-ver=")
        assert entry == {
            "count": 1,
            "reason": "command",
            "context": "toplevel",
            "object": "config|get",
            "username": "u",
            "age-seconds": "1.5",
            "entry-id": 0,
            "timestamp-created": int((wire.now - 1.5) * 1000),
            "timestamp-last-updated": int((wire.now - 1.5) * 1000),
        }

    async def test_events_alike_within_a_minute_are_one_entry(self, wire: Wire):
        client = await log_in(wire, "+@all ~a")
        begun = wire.now
        await wire.send("EXISTS b", client)
        await wire.send("EXISTS c", client)
        wire.now += GROUPING_MS / 1000
        await wire.send("TYPE b", client)
        first, second = await entries(wire)
        assert (first["object"], first["count"], first["entry-id"]) == ("b", 2, 0)
        assert (first["timestamp-created"], first["timestamp-last-updated"]) == (int(begun * 1000), int(wire.now * 1000))
        assert (second["object"], second["count"], second["entry-id"]) == ("c", 1, 1)
        wire.now += GROUPING_MS / 1000 + 0.001
        await wire.send("TYPE b", client)
        assert [entry["count"] for entry in await entries(wire)] == [1, 2, 1]

    async def test_what_is_not_alike(self, wire: Wire):
        client = await log_in(wire, "+multi +publish +exists")
        for words in ["EXISTS x", "PUBLISH x y", "MULTI", "EXISTS x", "AUTH x y"]:
            await wire.send(words, client)
        assert [(entry["reason"], entry["context"], entry["object"], entry["username"]) for entry in await entries(wire)] == [
            ("key", "multi", "x", "u"),
            ("channel", "toplevel", "x", "u"),
            ("key", "toplevel", "x", "u"),
        ]

    async def test_is_bounded(self, wire: Wire):
        client = await log_in(wire, "+exists")
        await wire.send("CONFIG SET acllog-max-len 3")
        for number in range(5):
            await wire.send(f"EXISTS {number}", client)
        assert [entry["object"] for entry in await entries(wire)] == ["4", "3", "2"]
        assert len(await wire.ask("ACL LOG 1")) == 1
        await wire.send("CONFIG SET acllog-max-len 0")
        await wire.send("EXISTS 9", client)
        assert await entries(wire) == []

    async def test_keeps_a_part_of_what_is_very_long(self, wire: Wire):
        client = await log_in(wire, "+exists")
        for words in [[b"EXISTS", b"k" * 5000], [b"AUTH", b"n" * 5000, b"x"]]:
            await wire.send(words, client)
        failed, denied = await entries(wire)
        assert (failed["username"], denied["object"]) == ("n" * LONGEST, "k" * LONGEST)

    async def test_info_counts(self, wire: Wire):
        client = await log_in(wire, "+exists +publish")
        for words in ["AUTH u2 x", "PING", "PING", "EXISTS a", "EXISTS a", "EXISTS a", "PUBLISH a b"]:
            await wire.send(words, client)
        text = (await wire.send("INFO stats")).decode()
        assert [line for line in text.split("\r\n") if line.startswith("acl_")] == [
            "acl_access_denied_auth:1",
            "acl_access_denied_cmd:2",
            "acl_access_denied_key:3",
            "acl_access_denied_channel:1",
        ]
        await wire.send("CONFIG RESETSTAT")
        assert b"acl_access_denied_key:0\r\n" in await wire.send("INFO stats")


class TestDryRun:
    async def test_says_what_is_lacking(self, wire: Wire):
        await wire.send("ACL SETUSER u +mc.get +publish %R~a* &b")
        assert await wire.ask("ACL DRYRUN u MC.GET abc q") == "OK"
        assert await wire.ask("ACL DRYRUN u MC.SET abc q a") == "User u has no permissions to run the 'mc.set' command"
        assert await wire.ask("ACL DRYRUN u mc.get xyz q") == "User u has no permissions to access the 'xyz' key"
        assert await wire.ask("ACL DRYRUN u publish c x") == "User u has no permissions to access the 'c' channel"
        assert await wire.ask("ACL DRYRUN default MC.SET abc q a") == "OK"
        assert await entries(wire) == []


class TestSecrets:
    async def test_passwords_are_kept_as_digests(self, wire: Wire):
        await wire.send("ACL SETUSER u >secret")
        assert b"secret" not in await wire.send("ACL GETUSER u") + await wire.send("ACL LIST")

    async def test_settings_hide_them_from_who_may_not_set_them(self, wire: Wire):
        await wire.send("CONFIG SET requirepass secret")
        client = await log_in(wire, "+@all -config|set ~* &*")
        assert await wire.ask("CONFIG GET requirepass", client) == ["requirepass", "(redacted)"]
        assert b"secret" not in await wire.send("CONFIG GET *", client)
        assert await wire.ask("CONFIG GET requirepass") == ["requirepass", "secret"]
        await wire.send([b"CONFIG", b"SET", b"requirepass", b""])
        assert await wire.ask("CONFIG GET requirepass", client) == ["requirepass", ""]

    async def test_generated_ones_have_the_bits_asked_for(self, wire: Wire):
        lengths = [len(await wire.ask(f"ACL GENPASS {bits}")) for bits in (1, 4, 5, 128, 4096)]
        assert [*lengths, len(await wire.ask("ACL GENPASS"))] == [1, 1, 2, 32, 1024, 64]
        assert await wire.ask("ACL GENPASS") != await wire.ask("ACL GENPASS")


def start(wire: Wire) -> Access:
    """The users, as of a server that starts with the same settings."""
    return Access(wire.settings, wire.context.commands, ServerStatistics(), wire.context.cache.clock)


class TestFile:
    @pytest.fixture
    def wire(self, tmp_path: Path) -> Wire:
        """With an ACL file."""
        (tmp_path / "users.acl").write_text(
            "user alice on >a ~a:* +@all\n\n  user bob on nopass resetchannels  +ping\nuser default on nopass ~* &* +@all\n"
        )
        return Wire(tmp_path, aclfile="users.acl")

    @staticmethod
    def write(wire: Wire, text: str) -> None:
        assert wire.context.access.file is not None
        wire.context.access.file.path.write_text(text)

    async def test_is_read_at_the_start(self, wire: Wire):
        assert await wire.ask("ACL USERS") == ["alice", "bob", "default"]
        assert await wire.ask("AUTH alice a") == "OK"
        assert wire.context.access.default.unrestricted

    async def test_load_closes_who_is_gone_or_another_now(self, wire: Wire):
        alice, bob, default = wire.connect(), wire.connect(), wire.connect()
        await wire.send("AUTH alice a", alice)
        await wire.send("AUTH bob b", bob)
        extra = await log_in(wire, "+@all")
        self.write(wire, "user alice on >other ~a:* +@all\nuser bob on nopass +ping\n")
        assert await wire.ask("ACL LOAD") == "OK"
        closed = [client.link.closed for client in (alice, bob, default, extra)]
        assert closed == [True, False, False, True]
        assert await wire.ask("PING", bob) == "PONG"
        assert await refused(wire, "PING", alice) == no_command("ping", "alice")
        assert await refused(wire, "PING", extra) == no_command("ping")
        assert await wire.ask("ACL USERS") == ["alice", "bob", "default"]
        assert await wire.ask("AUTH alice other") == "OK"

    async def test_load_of_oneself_ends_after_the_reply(self, wire: Wire):
        client = await log_in(wire, "+acl")
        assert await wire.ask("ACL LOAD", client) == "OK"
        assert client.closing

    async def test_load_leaves_default_connected_with_its_new_rights(self, wire: Wire):
        subscriber = wire.connect()
        await wire.send("SUBSCRIBE a", subscriber)
        self.write(wire, "user default on nopass &b* +ping\n")
        assert await wire.ask("ACL LOAD") == "OK"
        assert (wire.client.link.closed, subscriber.link.closed) == (False, True)
        assert await wire.ask("PING") == "PONG"
        assert await refused(wire, "ECHO x", wire.client) == no_command("echo", "default")
        assert not wire.context.access.default.unrestricted

    async def test_without_default_requirepass_counts(self, wire: Wire):
        await wire.send("CONFIG SET requirepass secret")
        self.write(wire, "user bob on nopass +ping\n")
        assert await wire.ask("ACL LOAD") == "OK"
        assert await wire.ask("AUTH wrong", wire.connect()) is not None
        assert await wire.ask("AUTH secret", wire.connect()) == "OK"
        assert wire.context.access.default.unrestricted

    @pytest.mark.parametrize(
        ("text", "wrong"),
        [
            ("foo", "{path}:1 should start with user keyword followed by the username."),
            ("user", "{path}:1 should start with user keyword followed by the username."),
            ("\nuser a\tb on", "{path}:2: username 'a\tb' contains invalid characters."),
            ("user a on\nuser a off", "WARNING: Duplicate user 'a' found on line 2."),
            ("user a +nosuch", "{path}:1: Error in applying operation '+nosuch': Unknown command or category name in ACL."),
            ("user a on foo bar", "{path}:1: Syntax error."),
            (
                "user a foo +nosuch\nuser b #12",
                "{path}:1: Syntax error. {path}:1: Error in applying operation '+nosuch': Unknown command or category name in ACL. "
                "{path}:2: The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters.",
            ),
        ],
    )
    async def test_a_wrong_file_changes_nothing(self, text: str, wrong: str, wire: Wire, tmp_path: Path):
        path = tmp_path / "users.acl"
        before = await wire.ask("ACL LIST")
        self.write(wire, text)
        assert error_text(await wire.ask("ACL LOAD")) == (
            f"ERR {wrong.format(path=path)} WARNING: ACL errors detected, no change to the previously active ACL rules was performed"
        )
        assert await wire.ask("ACL LIST") == before
        with pytest.raises(StartupError) as raised:
            start(wire)
        assert str(raised.value) == wrong.format(path=path)

    async def test_a_missing_file(self, wire: Wire, tmp_path: Path):
        path = tmp_path / "users.acl"
        path.unlink()
        assert error_text(await wire.ask("ACL LOAD")).startswith(
            f"ERR Error loading ACLs, opening file '{path}': No such file or directory"
        )
        with pytest.raises(StartupError, match=r"opening file .*: No such file"):
            start(wire)

    async def test_save_and_load_give_the_same(self, wire: Wire, tmp_path: Path):
        await wire.send([b"ACL", b"SETUSER", b"\xff", b"on", b">\xfe", b"~\xfd*", b"&x", b"+@read", b"-type", b"+select|0"])
        before = await wire.send("ACL LIST")
        assert await wire.ask("ACL SAVE") == "OK"
        assert [path.name for path in tmp_path.glob("users.acl*")] == ["users.acl"]
        assert stat.S_IMODE((tmp_path / "users.acl").stat().st_mode) == 0o600
        client = wire.connect()
        await wire.send([b"AUTH", b"\xff", b"\xfe"], client)
        assert await wire.ask("ACL LOAD") == "OK"
        assert await wire.send("ACL LIST") == before
        assert not client.link.closed
        assert start(wire).lines() == wire.context.access.lines()

    async def test_a_save_that_fails_leaves_the_file_alone(
        self, wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ):
        before = (tmp_path / "users.acl").read_bytes()

        def fail(descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("os.fsync", fail)
        await wire.send("ACL SETUSER more")
        text = error_text(await wire.ask("ACL SAVE"))
        assert text == "ERR There was an error trying to save the ACLs. Please check the server logs for more information"
        assert "event=acl-not-saved reason='No space left on device'" in caplog.text
        assert [path.name for path in tmp_path.glob("users.acl*")] == ["users.acl"]
        assert (tmp_path / "users.acl").read_bytes() == before


class TestUsersAmongTheSettings:
    async def test_are_there_at_the_start(self, tmp_path: Path):
        wire = Wire(tmp_path, user=("alice on nopass ~a:* +@read", "default on nopass +ping"))
        assert await wire.ask("ACL WHOAMI") is not None
        assert await refused(wire, "ECHO x", wire.client) == no_command("echo", "default")
        assert await wire.ask("PING") == "PONG"
        assert await wire.ask("AUTH alice x") == "OK"

    async def test_that_count_over_requirepass(self, tmp_path: Path):
        wire = Wire(tmp_path, requirepass="x", user=("default on nopass +ping",))
        assert await wire.ask("PING") == "PONG"

    @pytest.mark.parametrize(
        ("user", "wrong"),
        [
            (("a on", "b on", "a off"), "user a: Duplicate user found. A user can only be defined once in config files"),
            (("a +nosuch",), "user a: rule '+nosuch': Unknown command or category name in ACL"),
            (("a foo",), "user a: rule 'foo': Syntax error"),
        ],
    )
    def test_that_are_wrong(self, user: tuple[str, ...], wrong: str, tmp_path: Path):
        with pytest.raises(StartupError) as raised:
            Wire(tmp_path, user=user)
        assert str(raised.value) == wrong

    def test_together_with_a_file(self, tmp_path: Path):
        with pytest.raises(StartupError, match="users are given both with aclfile and with user"):
            Wire(tmp_path, user=("a on",), aclfile="users.acl")


class TestRewriting:
    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        (tmp_path / "mcserver.toml").write_text('# Ours.\nuser = ["a on nopass +ping ~x", "b off"]\n')
        return load_settings(["--conf", str(tmp_path), "--user", "c", "on", ">p"], {})

    @staticmethod
    def rewritten(wire: Wire, path: Path) -> str:
        rewrite(wire.settings, wire.context.access.amend)
        return (path / "mcserver.toml").read_text()

    @pytest.fixture
    def wire(self, settings: Settings, tmp_path: Path) -> Wire:
        wire = Wire(tmp_path, user=settings.user)
        wire.settings.trace(settings.origin)
        return wire

    async def test_nothing_changed(self, wire: Wire, tmp_path: Path):
        await wire.send("ACL SETUSER a +echo -echo")
        assert self.rewritten(wire, tmp_path).startswith('# Ours.\nuser = ["a on nopass +ping ~x", "b off"]\n')

    async def test_users_that_changed(self, wire: Wire, tmp_path: Path):
        for words in ["ACL SETUSER a -ping", "ACL DELUSER b", "ACL SETUSER d", "ACL SETUSER c off", "ACL SETUSER default -flushdb"]:
            await wire.send(words)
        before = [line for line in wire.context.access.lines() if not line.startswith("c ")]
        assert self.rewritten(wire, tmp_path).startswith("# Ours.\n")
        again = load_settings(["--conf", str(tmp_path)], {})
        assert (
            list(again.user)
            == before
            == [
                "a on nopass ~x resetchannels -@all",
                "d off resetchannels -@all",
                "default on nopass ~* &* +@all -flushdb",
            ]
        )

    async def test_users_of_a_file_stay_there(self, tmp_path: Path, settings: Settings):
        (tmp_path / "users.acl").write_text("user x on\n")
        wire = Wire(tmp_path, aclfile="users.acl")
        wire.settings.trace(settings.origin)
        assert wire.context.access.amend(["a on"]) is None
