"""MODULE: the semantic cache, as Redis would list it were it a module."""

from mcserver.context import Call
from mcserver.table import Family
from mcserver.version import module_version
from protocol.errors import CommandError

__all__ = ["family"]

family = Family("server")

_LOADING = "no_async_loading admin noscript"
_REFUSED = (
    'MODULE command not allowed. If the enable-module-command option is set to "local", you can run it from a local connection, '
    "otherwise you need to set this option in the configuration file, and then restart the server."
)

family.container("MODULE", summary="A container for commands on modules.")


@family.command("MODULE|LIST", "", summary="Lists the modules.", complexity="O(N) with N modules", flags="admin noscript")
def list_modules(call: Call) -> object:
    """Reply: an array of maps."""
    return [{"name": "mc", "ver": module_version(), "path": "", "args": []}]


def _refuse(call: Call) -> object:
    """Always refused: there is nothing that could load one."""
    raise CommandError(_REFUSED)


family.command("MODULE|LOAD", "path [arg ...]", summary="Loads a module: not possible.", flags=_LOADING)(_refuse)
family.command("MODULE|UNLOAD", "name", summary="Unloads a module: not possible.", flags=_LOADING)(_refuse)
family.command("MODULE|LOADEX", "path [CONFIG name value ...] [ARGS arg ...]", summary="Loads a module: not possible.", flags=_LOADING)(
    _refuse
)
