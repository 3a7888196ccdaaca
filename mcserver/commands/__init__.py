"""The commands, one module a family. A command parses its arguments, makes one call and returns a plain value."""

from mcserver.commands import client, connection, entry, info, introspection, keyspace, model, semantic, server, transaction

FAMILIES = (
    connection.family,
    client.family,
    transaction.family,
    semantic.family,
    entry.family,
    model.family,
    keyspace.family,
    introspection.family,
    server.family,
    info.family,
)
"""Every family, in the order of the documentation."""
