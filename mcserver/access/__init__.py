"""Who may do what: users, their passwords, and what each may run and reach."""

from mcserver.access.description import describe_commands
from mcserver.access.file import AclFileError
from mcserver.access.log import Entry
from mcserver.access.registry import Access
from mcserver.access.user import User

__all__ = ["Access", "AclFileError", "Entry", "User", "describe_commands"]
