"""Why something is not allowed, and how that is said."""

from dataclasses import dataclass
from enum import Enum

from protocol.errors import CommandError, no_permission, no_permission_channel, no_permission_key

__all__ = ["Denial", "Reason"]


class Reason(Enum):
    """What was lacking, in the words of ACL LOG."""

    AUTH = "auth"
    COMMAND = "command"
    KEY = "key"
    CHANNEL = "channel"


_AT_EXEC = {
    Reason.COMMAND: "no permission to execute the command or subcommand",
    Reason.KEY: "no permission to touch the specified keys",
    Reason.CHANNEL: "no permission to access one of the channels used as arguments to the command",
}


@dataclass(frozen=True, slots=True)
class Denial:
    """What a user may not do. `object` is the command's full name, the key or the channel that it may not use."""

    reason: Reason
    object: str

    def error(self, user: str) -> CommandError:
        """The error reply to the command. It does not repeat keys and channels."""
        match self.reason:
            case Reason.KEY:
                return no_permission_key()
            case Reason.CHANNEL:
                return no_permission_channel()
        return no_permission(user, self.object)

    def explain(self, user: str) -> str:
        """What ACL DRYRUN says, with the key or channel."""
        if self.reason is Reason.COMMAND:
            return str(self.error(user))
        return f"User {user} has no permissions to access the '{self.object}' {self.reason.value}"

    def late_error(self) -> CommandError:
        """The error reply to a command of EXEC that was allowed when it was queued."""
        return CommandError(
            "ACLs rules changed between the moment the transaction was accumulated and the EXEC call. "
            f"This command is no longer allowed for the following reason: {_AT_EXEC[self.reason]}",
            code="NOPERM",
        )
