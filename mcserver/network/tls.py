"""TLS as the settings ask for it."""

import ssl

from mcserver.settings import Settings

__all__ = ["TlsError", "make_context"]

_VERIFICATION = {"no": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "yes": ssl.CERT_REQUIRED}
_VERSIONS = {"tlsv1.2": ssl.TLSVersion.TLSv1_2, "tlsv1.3": ssl.TLSVersion.TLSv1_3}


class TlsError(Exception):
    """Why connections cannot be encrypted with these settings: one line that names the setting."""


def make_context(settings: Settings) -> ssl.SSLContext:
    """What new connections of the TLS port are encrypted with; every file is read. Raises TlsError."""
    _require_files(settings)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.options |= ssl.OP_NO_RENEGOTIATION
    _limit_versions(context, settings.tls_protocols)
    _set_ciphers(context, settings)
    _load_certificate(context, settings)
    _trust(context, settings)
    if settings.tls_dh_params_file:
        _load_parameters(context, settings.tls_dh_params_file)
    return context


def _require_files(settings: Settings) -> None:
    for name, value in (("tls-cert-file", settings.tls_cert_file), ("tls-key-file", settings.tls_key_file)):
        if not value:
            raise TlsError(f"tls-port needs {name}")
    if settings.tls_auth_clients != "no" and not (settings.tls_ca_cert_file or settings.tls_ca_cert_dir):
        raise TlsError(f"tls-auth-clients {settings.tls_auth_clients} needs tls-ca-cert-file or tls-ca-cert-dir")


def _limit_versions(context: ssl.SSLContext, names: str) -> None:
    versions = [_VERSIONS[name] for name in names.lower().split()] or list(_VERSIONS.values())
    context.minimum_version, context.maximum_version = min(versions), max(versions)


def _set_ciphers(context: ssl.SSLContext, settings: Settings) -> None:
    if settings.tls_prefer_server_ciphers:
        context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    else:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    if settings.tls_ciphers:
        try:
            context.set_ciphers(settings.tls_ciphers)
        except ssl.SSLError as error:
            raise TlsError(f"tls-ciphers {settings.tls_ciphers}: {_reason(error)}") from None
    if settings.tls_ciphersuites:
        _set_suites(context, settings.tls_ciphersuites)


def _set_suites(context: ssl.SSLContext, suites: str) -> None:
    set_suites = getattr(context, "set_ciphersuites", None)
    if set_suites is None:
        raise TlsError("tls-ciphersuites cannot be set with this version of Python; leave it empty, or use Python 3.15")
    try:
        set_suites(suites)
    except ssl.SSLError as error:
        raise TlsError(f"tls-ciphersuites {suites}: {_reason(error)}") from None


def _load_certificate(context: ssl.SSLContext, settings: Settings) -> None:
    certificate, key = settings.tls_cert_file, settings.tls_key_file
    try:
        # Always a password, if an empty one: without any, OpenSSL asks for one on the terminal and the server stands still.
        context.load_cert_chain(certificate, key, password=settings.tls_key_file_pass)
    except (OSError, ValueError) as error:
        raise TlsError(f"cannot use tls-cert-file {certificate} with tls-key-file {key}: {_reason(error)}") from None


def _trust(context: ssl.SSLContext, settings: Settings) -> None:
    file, folder = settings.tls_ca_cert_file, settings.tls_ca_cert_dir
    if file or folder:
        try:
            context.load_verify_locations(file or None, folder or None)
        except OSError as error:
            raise TlsError(f"cannot use tls-ca-cert-file '{file}', tls-ca-cert-dir '{folder}': {_reason(error)}") from None
    context.verify_mode = _VERIFICATION[settings.tls_auth_clients]


def _load_parameters(context: ssl.SSLContext, path: str) -> None:
    try:
        context.load_dh_params(path)
    except OSError as error:
        raise TlsError(f"cannot use tls-dh-params-file {path}: {_reason(error)}") from None


def _reason(error: OSError | ValueError) -> str:
    """OpenSSL's own word for what is wrong, as KEY_VALUES_MISMATCH, where there is one."""
    if isinstance(error, ssl.SSLError):
        return (getattr(error, "reason", None) or str(error.args[0])).lower().replace("_", " ")
    return (getattr(error, "strerror", None) or str(error)).lower()
