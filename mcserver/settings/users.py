"""Users given among the settings, each as a line of an ACL file without its first word."""

from dataclasses import dataclass

from mcserver.password import hide_password
from mcserver.settings.kind import Kind, Plain


@dataclass(frozen=True, slots=True)
class UserLines(Kind[tuple[str, ...]]):
    """Lines of `name rule ...`. Given several times, also in several places, they are taken together, as in Redis.

    Passwords are hashed at once. Which rules there are the access room knows, which reads them when the server starts.
    """

    separator = "\n"
    accumulates = True

    @property
    def valid(self) -> str:
        return "a name and rules as for ACL SETUSER; in a file, an array of them"

    def parse(self, text: str, current: tuple[str, ...]) -> tuple[str, ...]:
        lines = [line.split() for line in text.split(self.separator)]
        return (*current, *(" ".join([words[0], *map(hide_password, words[1:])]) for words in lines if words))

    def format(self, value: tuple[str, ...]) -> str:
        return self.separator.join(value)

    def plain(self, value: tuple[str, ...]) -> Plain:
        return list(value)
