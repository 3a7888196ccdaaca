"""`mcserver --name value ...`: start the server with these settings."""

import os
import sys

from mcserver import __version__
from mcserver.app import run
from mcserver.folder import StartupError
from mcserver.journal import set_up_logging
from mcserver.settings import SettingError, load_settings

__all__ = ["main"]

USAGE = """\
usage: mcserver [--conf DIR] [--env dev|staging|prod] [--name value ...]

Starts the semantic cache server. Every setting may be given as --name value; docs/settings.md lists them.
  --help      this text
  --version   the version"""

EXIT_REFUSED = 2


def main() -> int:
    """Run the server. Exit code 0 after a shutdown, 2 with one line on standard error where it cannot start."""
    arguments = sys.argv[1:]
    if arguments in (["--help"], ["-h"]):
        print(USAGE)
        return 0
    if arguments in (["--version"], ["-v"]):
        print(f"mcserver {__version__}")
        return 0
    try:
        settings = load_settings(arguments, os.environ)
        set_up_logging(settings)
        run(settings)
    except (SettingError, StartupError) as error:
        print(f"mcserver: {error}", file=sys.stderr)
        return EXIT_REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(main())
