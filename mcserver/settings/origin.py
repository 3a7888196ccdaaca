"""Where settings came from, as far as it matters for writing them back."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Origin:
    """`files` that were read, the later one counting over the earlier; `secrets` that came out of a file of their own, with its path."""

    files: tuple[Path, ...] = ()
    secrets: Mapping[str, str] = field(default_factory=dict)

    def without(self, names: Iterable[str]) -> "Origin":
        """These settings have been given in another way since."""
        gone = set(names)
        return replace(self, secrets={name: path for name, path in self.secrets.items() if name not in gone})
