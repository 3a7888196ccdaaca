"""A user: how it logs in, and what it may do."""

from collections.abc import Sequence
from hmac import compare_digest
from typing import TYPE_CHECKING

from mcserver.access.denial import Denial, Reason
from mcserver.access.patterns import ChannelPatterns, KeyPatterns
from mcserver.access.rights import CommandRights
from mcserver.access.rule import apply_rule
from mcserver.password import hash_password
from mcserver.settings import Settings
from protocol.text import decode

if TYPE_CHECKING:
    from mcserver.table import Command, Table

__all__ = ["User"]


class User:
    """A user as ACL GETUSER shows it; a new one is off and may do nothing.

    passwords: SHA-256 digests in hexadecimal. sanitize: what was said of payloads, which mean nothing here.
    unrestricted: may run every command on every key and channel, so that nothing need be checked.
    """

    __slots__ = ("_settings", "channels", "commands", "enabled", "keys", "name", "nopass", "passwords", "sanitize", "unrestricted")

    def __init__(self, name: str, table: "Table", settings: Settings) -> None:
        self.name = name
        self._settings = settings
        self.enabled = False
        self.nopass = False
        self.passwords: list[str] = []
        self.sanitize: bool | None = None
        self.commands: CommandRights = CommandRights(table)
        self.keys: KeyPatterns = KeyPatterns()
        self.channels: ChannelPatterns = self._default_channels()
        self.unrestricted = False

    @property
    def open(self) -> bool:
        """Whether a connection is this user without a password."""
        return self.enabled and self.nopass

    def accepts(self, password: bytes) -> bool:
        """Whether the password is one of the user's. Takes the same time whatever is wrong with it."""
        digest = hash_password(password)
        found = [compare_digest(digest, known) for known in self.passwords]
        return self.enabled and (self.nopass or any(found))

    def denial(self, command: "Command", words: Sequence[bytes]) -> Denial | None:
        """What of this request, which has the number of words it needs, the user may not do."""
        if self.unrestricted:
            return None
        if "no_auth" not in command.flags and not self.commands.allow(command, words):
            return Denial(Reason.COMMAND, command.name)
        return self._denied_key(command, words) or self._denied_channel(command, words)

    def may(self, command: "Command") -> bool:
        """Whether the user may run the command at all."""
        return self.unrestricted or self.commands.holds(command)

    @property
    def sees_all(self) -> bool:
        """Whether there is no model that the user may not know of."""
        return self.keys.everything

    def sees(self, model: str) -> bool:
        """Whether the user may know that the model exists: it may use the name as a key in some way."""
        return self.keys.allow(model, read=False, write=False)

    def hears(self, channel: bytes) -> bool:
        """Whether the user may use the channel."""
        return self.channels.everything or self.channels.allow(decode(channel))

    def change(self, rules: Sequence[str]) -> None:
        """Follow rules in their order. Raises RuleError; what stood before the wrong rule is then done."""
        for rule in rules:
            apply_rule(self, rule)
        self.unrestricted = self.keys.everything and self.channels.everything and self.commands.complete

    def reset(self) -> None:
        """As it was made."""
        self.enabled = self.nopass = self.unrestricted = False
        self.passwords.clear()
        self.sanitize = True
        self.commands.forbid_everything()
        self.keys.clear()
        self.channels = self._default_channels()

    def assume(self, other: "User") -> None:
        """Be like the other in everything but the name."""
        self.enabled, self.nopass, self.sanitize = other.enabled, other.nopass, other.sanitize
        self.passwords = list(other.passwords)
        self.commands, self.keys, self.channels = other.commands.copy(), other.keys.copy(), other.channels.copy()
        self.unrestricted = other.unrestricted

    def copy(self) -> "User":
        """The same, to be changed apart."""
        twin = User(self.name, self.commands.table, self._settings)
        twin.assume(self)
        return twin

    def flags(self) -> list[str]:
        """The rules that are no rights, in Redis' order."""
        words = ["on" if self.enabled else "off"]
        words += ["nopass"] if self.nopass else []
        if self.sanitize is not None:
            words.append("sanitize-payload" if self.sanitize else "skip-sanitize-payload")
        return words

    def _denied_key(self, command: "Command", words: Sequence[bytes]) -> Denial | None:
        if self.keys.everything:
            return None
        if command.every_key and not self.keys.allow_all(read=False, write=True):
            return Denial(Reason.KEY, "*")
        for word in command.keys(words):
            key = decode(word)
            if not self.keys.allow(key, read=command.reads_key, write=command.writes_key):
                return Denial(Reason.KEY, key)
        return None

    def _denied_channel(self, command: "Command", words: Sequence[bytes]) -> Denial | None:
        if self.channels.everything:
            return None
        allow = self.channels.allow_pattern if command.name == "psubscribe" else self.channels.allow
        for word in command.channels(words):
            channel = decode(word)
            if not allow(channel):
                return Denial(Reason.CHANNEL, channel)
        return None

    def _default_channels(self) -> ChannelPatterns:
        return ChannelPatterns(everything=self._settings.acl_pubsub_default == "allchannels")
