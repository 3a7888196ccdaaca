"""When Redis would take snapshots (as Redis: save)."""

import re
from dataclasses import dataclass

from mcserver.settings.kind import Kind

_PAIR = re.compile(r"[1-9]\d{0,17} \d{1,18}( |$)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Snapshots(Kind[str]):
    """`seconds changes`, once or several times. Taken and shown, without effect: every write is kept before it is answered."""

    @property
    def valid(self) -> str:
        return "'seconds changes', once or several times"

    def parse(self, text: str, current: str) -> str:
        words = " ".join(text.split())
        if _PAIR.sub("", words):
            raise ValueError("Invalid save parameters")
        return words
