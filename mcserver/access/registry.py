"""The users of the server, and what is done when one of them may not do something."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from mcserver.access.denial import Denial, Reason
from mcserver.access.description import describe_user
from mcserver.access.file import AclFile, AclFileError
from mcserver.access.log import AccessLog
from mcserver.access.rule import RuleError, has_spaces
from mcserver.access.user import User
from mcserver.folder import StartupError
from mcserver.settings import Settings
from mcserver.telemetry.client import describe_client
from protocol.errors import CommandError
from protocol.text import decode, encode

if TYPE_CHECKING:
    from mcserver.context import Client
    from mcserver.table import Command, Table
    from mcserver.telemetry.statistics import ServerStatistics

__all__ = ["Access"]

DEFAULT = "default"

_NO_FILE = (
    "This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER command and then issue a "
    "CONFIG REWRITE (assuming you have a Redis configuration file set) in order to store users in the Redis configuration."
)

_EVERYTHING = ("on", "nopass", "~*", "&*", "+@all")


class Access:
    """Every user by name. The user `default` is always there: it is who a connection is before AUTH, and always the same object.

    Users come from the ACL file or from the setting `user`; StartupError where they are wrong, or both are given.
    """

    def __init__(self, settings: Settings, commands: "Table", statistics: "ServerStatistics", clock: Callable[[], float]) -> None:
        self._settings = settings
        self._statistics = statistics
        self._clock = clock
        self._commands = commands
        self._nobody = self._new("")
        self.log = AccessLog(settings)
        self.file = AclFile(settings.dir / settings.aclfile) if settings.aclfile else None
        self.default = self._new(DEFAULT, *_EVERYTHING)
        self._require_password()
        settings.subscribe("requirepass", self._require_password)
        self.users = {DEFAULT: self.default}
        self._load_at_start()

    def authenticate(self, name: bytes, password: bytes) -> User | None:
        """The user, where it exists, is enabled and the password is right. Takes as long where there is no such user."""
        user = self.users.get(decode(name), self._nobody)
        return user if user.accepts(password) else None

    def all(self) -> list[User]:
        """The users in the order of their names' bytes, as Redis lists them."""
        return sorted(self.users.values(), key=lambda user: encode(user.name))

    def lines(self) -> list[str]:
        """Each user with the rules that make it: what ACL LIST shows behind the word `user`."""
        return [f"{user.name} {describe_user(user)}" for user in self.all()]

    def amend(self, written: Sequence[str]) -> list[str] | None:
        """The lines of users that should stand in place of those `written` in a file of settings; None where they mean the same.

        Users that were also given elsewhere stay there, and those of an ACL file in it.
        """
        if self.file is not None:
            return None
        elsewhere = {line.split()[0] for line in self._settings.user if line not in written}
        wanted = [f"{user.name} {describe_user(user)}" for user in self.all() if user.name not in elsewhere]
        named = [line.split() for line in written]
        untold = self._new(DEFAULT, *_EVERYTHING, self._password_rule())
        if DEFAULT not in (name for name, *_ in named) and _alike(self.default, untold):
            wanted = [line for line in wanted if not line.startswith(f"{DEFAULT} ")]
        meant = [f"{name} {describe_user(self._new(name, *rules))}" for name, *rules in named]
        return None if sorted(meant) == sorted(wanted) else wanted

    def draft(self, name: str, rules: Sequence[str]) -> User:
        """The user as it will be after these rules, beside the one that is. Raises CommandError."""
        if has_spaces(name):
            raise CommandError("Usernames can't contain spaces or null characters")
        known = self.users.get(name)
        user = self._new(name) if known is None else known.copy()
        for rule in rules:
            try:
                user.change([rule])
            except RuleError as error:
                shown = rule.partition("\0")[0]  # as Redis' format
                raise CommandError(f"Error in ACL SETUSER modifier '{shown}': {error}") from None
        return user

    def put(self, draft: User) -> User:
        """Let the user be as its draft."""
        user = self.users.setdefault(draft.name, draft)
        user.assume(draft)
        return user

    def remove(self, name: str) -> User | None:
        """Take a user away, if there is one of this name; whoever still is that user may do nothing any more."""
        user = self.users.pop(name, None)
        if user is not None:
            user.assume(self._new(name))
        return user

    def load(self) -> list[User]:
        """Take over the ACL file: all of it, or raise AclFileError (CommandError where there is none) and leave everything as it is.

        Returns the users that are gone or have become others, who may do nothing any more. Those that are as before stay the same
        objects, and so does `default`.
        """
        read = self._the_file().read(self._new)
        if DEFAULT not in read:
            read[DEFAULT] = self._new(DEFAULT, *_EVERYTHING, self._password_rule())
        stale = [user for name, user in self.users.items() if name != DEFAULT and not _alike(user, read.get(name))]
        for user in stale:
            self.remove(user.name)
        for user in read.values():
            self.put(user)
        return stale

    def save(self) -> None:
        """Write the ACL file. Raises OSError, and CommandError where there is none."""
        self._the_file().write(self.all())

    def deny(self, client: "Client", command: "Command", words: Sequence[bytes]) -> CommandError | None:
        """Why the client may not run this request now, or have it queued; it is counted and logged. None where it may."""
        denial = client.user.denial(command, words)
        if denial is None:
            return None
        self._record(client, denial, client.user.name, queued=client.transaction is not None)
        return denial.error(client.user.name)

    def deny_queued(self, client: "Client", command: "Command", words: Sequence[bytes]) -> CommandError | None:
        """The same for a command of EXEC that the client might have queued."""
        denial = client.user.denial(command, words)
        if denial is None:
            return None
        self._record(client, denial, client.user.name, queued=True)
        return denial.late_error()

    def record_failed_login(self, client: "Client", name: bytes, *, command: bytes, queued: bool) -> None:
        """Count and log a wrong name or password; `command` is the first word of the request, `queued` whether EXEC runs it."""
        denial = Denial(Reason.AUTH, decode(command))
        self._record(client, denial, decode(name), queued=queued)

    def _the_file(self) -> AclFile:
        if self.file is None:
            raise CommandError(_NO_FILE)
        return self.file

    def _record(self, client: "Client", denial: Denial, user: str, *, queued: bool) -> None:
        now = self._clock()
        self._statistics.denials[denial.reason.value] += 1
        line = describe_client(client, int(now))
        self.log.add(denial, "multi" if queued else "toplevel", user=user, client=line, now=int(now * 1000))

    def _new(self, name: str, *rules: str) -> User:
        user = User(name, self._commands, self._settings)
        user.change(rules)
        return user

    def _require_password(self) -> None:
        """requirepass is another way to give `default` a password, as in Redis."""
        self.default.change(["resetpass", self._password_rule()])

    def _password_rule(self) -> str:
        password = self._settings.requirepass
        return f">{password}" if password else "nopass"

    def _load_at_start(self) -> None:
        if self.file is not None and self._settings.user:
            raise StartupError("users are given both with aclfile and with user: they can stand in one of them only")
        names = [line.split()[0] for line in self._settings.user]
        for name in names:
            if names.count(name) > 1:
                raise StartupError(f"user {name}: Duplicate user found. A user can only be defined once in config files")
        for line in self._settings.user:
            self._add(*line.split())
        if self.file is not None:
            try:
                self.load()
            except AclFileError as error:
                raise StartupError(str(error)) from None

    def _add(self, name: str, *rules: str) -> None:
        """A user of the setting `user`."""
        user = self._new(name)
        for rule in rules:
            try:
                user.change([rule])
            except RuleError as error:
                raise StartupError(f"user {name}: rule '{rule}': {error}") from None
        self.put(user)


def _alike(user: User, other: User | None) -> bool:
    return other is not None and describe_user(user) == describe_user(other)
