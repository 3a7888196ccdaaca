"""ACL: users and their rights."""

import logging
import secrets
from collections.abc import Iterable

from mcserver.access import AclFileError, Entry, User, describe_commands
from mcserver.context import Call, Client
from mcserver.table import CATEGORIES, Family
from protocol.errors import NOT_AN_INTEGER, CommandError, wrong_arity, wrong_subcommand_arity
from protocol.number import parse_integer
from protocol.reply import OK, Members
from protocol.text import decode

__all__ = ["family"]

family = Family("server")

_log = logging.getLogger("mcserver")

_ANYONE = "noscript loading stale"
_ADMIN = f"admin {_ANYONE}"

_DEFAULT_COUNT = 10
_DEFAULT_BITS = 256
_MAX_BITS = 4096
_BITS_PER_DIGIT = 4

family.container("ACL", summary="A container for commands on users and their rights.")


@family.command("ACL|WHOAMI", "", summary="Returns the user of the connection.", flags=_ANYONE)
def who_am_i(call: Call) -> object:
    """Reply: a name."""
    return call.client.user.name


@family.command("ACL|USERS", "", summary="Lists the names of the users.", complexity="O(N) with N users", flags=_ADMIN)
def list_names(call: Call) -> object:
    """Reply: an array of names."""
    return [user.name for user in call.context.access.all()]


@family.command("ACL|LIST", "", summary="Lists the users as in an ACL file.", complexity="O(N) with N users", flags=_ADMIN)
def list_users(call: Call) -> object:
    """Reply: an array of lines."""
    return [f"user {line}" for line in call.context.access.lines()]


@family.command("ACL|GETUSER", "username", summary="Describes a user.", complexity="O(N) with N rules", flags=_ADMIN)
def get_user(call: Call) -> object:
    """Reply: a map, nil if there is no such user."""
    user = call.context.access.users.get(decode(call.words[2]))
    if user is None:
        return None
    return {
        "flags": Members(user.flags()),
        "passwords": list(user.passwords),
        "commands": describe_commands(user.commands),
        "keys": " ".join(user.keys.words()),
        "channels": " ".join(user.channels.words()),
        "selectors": [],
    }


@family.command(
    "ACL|SETUSER", "username [rule [rule ...]]", summary="Makes or changes a user.", complexity="O(N) with N rules", flags=_ADMIN
)
def set_user(call: Call) -> object:
    """Reply: OK; all rules take effect, or none. Subscribers that may not have their channels any more are closed."""
    access, name = call.context.access, decode(call.words[2])
    draft = access.draft(name, [decode(word) for word in call.words[3:]])
    before = access.users.get(name)
    narrower = before is not None and not draft.channels.cover(before.channels)
    user = access.put(draft)
    if narrower:
        _close(call, (client for client in _clients_of(call, [user]) if not _may_stay_subscribed(client)))
    call.context.disturb()
    return OK


@family.command(
    "ACL|DELUSER",
    "username [username ...]",
    summary="Deletes users and closes their connections.",
    complexity="O(N) with N users",
    flags=_ADMIN,
)
def delete_users(call: Call) -> object:
    """Reply: the number of users deleted."""
    names = [decode(word) for word in call.words[2:]]
    if "default" in names:
        raise CommandError("The 'default' user cannot be removed")
    gone = [user for name in names if (user := call.context.access.remove(name)) is not None]
    _close(call, _clients_of(call, gone))
    call.context.disturb()
    return len(gone)


@family.command("ACL|CAT", "[category]", summary="Lists the categories, or the commands of one.", flags=_ANYONE)
def list_category(call: Call) -> object:
    """Reply: an array of names; without an argument the categories that have commands."""
    _refuse_more(call)
    commands = list(call.context.commands.everything())
    if len(call.words) == 2:  # noqa: PLR2004 - nothing but the name
        return [category for category in CATEGORIES if any(category in command.categories for command in commands)]
    category = decode(call.words[2])
    if category.lower() not in CATEGORIES:
        raise CommandError(f"Unknown category '{category[:128]}'")
    return [command.name for command in commands if category.lower() in command.categories]


@family.command("ACL|GENPASS", "[bits]", summary="Makes a password that cannot be guessed.", flags=_ANYONE)
def generate_password(call: Call) -> object:
    """Reply: hexadecimal digits, of 256 bits where it is not said how many."""
    _refuse_more(call)
    bits = _read_integer(call.words[2]) if len(call.words) > 2 else _DEFAULT_BITS  # noqa: PLR2004 - an argument
    if not 0 < bits <= _MAX_BITS:
        raise CommandError(f"ACL GENPASS argument must be the number of bits for the output password, a positive number up to {_MAX_BITS}")
    digits = -(-bits // _BITS_PER_DIGIT)
    return secrets.token_hex(digits)[:digits]


@family.command(
    "ACL|LOG", "[count | RESET]", summary="Shows what was denied lately, or forgets it.", complexity="O(N) with N entries", flags=_ADMIN
)
def show_log(call: Call) -> object:
    """Reply: an array of maps, the latest first; OK for RESET."""
    _refuse_more(call)
    log = call.context.access.log
    count = _DEFAULT_COUNT
    if len(call.words) > 2:  # noqa: PLR2004 - an argument
        if call.words[2].lower() == b"reset":
            log.clear()
            return OK
        count = max(0, _read_integer(call.words[2]))
    return [_describe_entry(entry, call.now) for entry in list(log)[:count]]


@family.command(
    "ACL|DRYRUN", "username command [arg [arg ...]]", summary="Tells whether a user may run a command, without running it.", flags=_ADMIN
)
def dry_run(call: Call) -> object:
    """Reply: OK, or text that says what is lacking."""
    name, words = decode(call.words[2]), call.words[3:]
    user = call.context.access.users.get(name)
    if user is None:
        raise CommandError(f"User '{name}' not found")
    command = call.context.commands.locate(words)
    if command is None:
        raise CommandError(f"Command '{decode(words[0])}' not found")
    if not command.fits(len(words)):
        raise wrong_arity(command.name)
    denial = user.denial(command, words)
    return OK if denial is None else denial.explain(name)


@family.command("ACL|LOAD", "", summary="Reads the ACL file again.", complexity="O(N) with N users", flags=_ADMIN)
def load(call: Call) -> object:
    """Reply: OK; the whole file takes effect, or nothing of it. Connections of users that are gone, or others now, are closed."""
    access = call.context.access
    channels = access.default.channels.copy()
    try:
        stale = access.load()
    except AclFileError as error:
        raise CommandError(f"{error} WARNING: ACL errors detected, no change to the previously active ACL rules was performed") from None
    _close(call, _clients_of(call, stale))
    if not access.default.channels.cover(channels):
        _close(call, (client for client in _clients_of(call, [access.default]) if not _may_stay_subscribed(client)))
    call.context.disturb()
    return OK


@family.command("ACL|SAVE", "", summary="Writes the users to the ACL file.", complexity="O(N) with N users", flags=_ADMIN)
def save(call: Call) -> object:
    """Reply: OK."""
    try:
        call.context.access.save()
    except OSError as error:
        _log.warning("event=acl-not-saved reason='%s'", error.strerror)
        raise CommandError("There was an error trying to save the ACLs. Please check the server logs for more information") from None
    return OK


def _refuse_more(call: Call) -> None:
    """More than one argument, in the words Redis has for it here."""
    if len(call.words) > 3:  # noqa: PLR2004 - the name and one argument
        raise wrong_subcommand_arity("acl", call.words[1])


def _describe_entry(entry: Entry, now: int) -> dict[str, object]:
    return {
        "count": entry.count,
        "reason": entry.denial.reason.value,
        "context": entry.context,
        "object": entry.denial.object,
        "username": entry.user,
        "age-seconds": (now - entry.updated) / 1000,
        "client-info": entry.client,
        "entry-id": entry.id,
        "timestamp-created": entry.created,
        "timestamp-last-updated": entry.updated,
    }


def _clients_of(call: Call, users: Iterable[User]) -> list[Client]:
    wanted = set(users)
    return [client for client in call.context.clients.values() if client.user in wanted]


def _may_stay_subscribed(client: Client) -> bool:
    channels = client.user.channels
    named = client.channels | client.shard_channels
    return all(channels.allow(decode(one)) for one in named) and all(channels.allow_pattern(decode(one)) for one in client.patterns)


def _close(call: Call, clients: Iterable[Client]) -> None:
    """Close connections, one's own after the reply."""
    for client in list(clients):
        if client is call.client:
            client.closing = True
        else:
            client.link.close()


def _read_integer(word: bytes) -> int:
    number = parse_integer(word)
    if number is None:
        raise CommandError(NOT_AN_INTEGER)
    return number
