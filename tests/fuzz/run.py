"""Run one target under the coverage-guided fuzzer: `python -m tests.fuzz.run TARGET [options of libFuzzer] [folders of inputs]`."""

import sys
from collections.abc import Sequence

import atheris

INSTRUMENTED = ["protocol", "mcserver.access", "mcserver.settings", "mcserver.usage", "storage.glob"]


def main(arguments: Sequence[str]) -> None:
    """Never returns: libFuzzer ends the process, with another status than 0 after a finding."""
    with atheris.instrument_imports(include=INSTRUMENTED):
        from tests.fuzz.targets import TARGETS  # noqa: PLC0415 - while imports are instrumented

    target, *options = arguments
    atheris.Setup([target, *options], TARGETS[target])
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
