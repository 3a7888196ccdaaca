"""The session in the README comes out as printed."""

import re
import shlex
import subprocess
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"
PROMPT = "127.0.0.1:6380> "


def test_session_of_the_readme(start):
    block = re.search(r"```console\n(.*?)```", README.read_text(), re.DOTALL)
    steps = block[1].split(PROMPT)[1:]
    assert len(steps) > 5
    server = start()
    for step in steps:
        command, _, expected = step.partition("\n")
        words = ["redis-cli", "--no-raw", "-p", str(server.port), *shlex.split(command)]
        printed = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True).stdout
        assert printed == expected, command
