"""What the settings of TLS become, tried out in handshakes."""

import ssl
import subprocess
import sys

import pytest

from mcserver.network.tls import TlsError, make_context
from mcserver.settings import Settings
from tests.certificates import Authority


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
def identity(authority):
    return authority.issue("server")


@pytest.fixture
def options(authority, identity):
    return {
        "tls_port": 6390,
        "tls_cert_file": str(identity.certificate),
        "tls_key_file": str(identity.key),
        "tls_ca_cert_file": str(authority.file),
        "tls_auth_clients": "no",
    }


class Handshake:
    """Both sides in memory; `client` and `server` once it is done. Raises ssl.SSLError."""

    def __init__(self, server: ssl.SSLContext, client: ssl.SSLContext, session: ssl.SSLSession | None = None) -> None:
        there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.client = client.wrap_bio(back, there, server_hostname="127.0.0.1", session=session)
        self.server = server.wrap_bio(there, back, server_side=True)
        waiting = [self.client, self.server]
        while waiting:
            for side in list(waiting):
                try:
                    side.do_handshake()
                    waiting.remove(side)
                except ssl.SSLWantReadError:
                    pass


def client_of(authority, **changes):
    context = ssl.create_default_context(cafile=authority.file)
    for name, value in changes.items():
        setattr(context, name, value)
    return context


def refusal(options, **changes):
    with pytest.raises(TlsError) as raised:
        make_context(Settings(**(options | changes)))
    assert "\n" not in str(raised.value)
    return str(raised.value)


class TestVersions:
    @pytest.mark.parametrize(
        ("protocols", "offered", "spoken"),
        [
            ("", "TLSv1_3", "TLSv1.3"),
            ("", "TLSv1_2", "TLSv1.2"),
            ("TLSv1.2", "TLSv1_2", "TLSv1.2"),
            ("TLSv1.3", "TLSv1_3", "TLSv1.3"),
            ("tlsv1.3 TLSv1.2", "TLSv1_2", "TLSv1.2"),
            ("TLSv1.3", "TLSv1_2", None),
            ("TLSv1.2", "TLSv1_3", None),
        ],
    )
    def test_spoken(self, authority, options, protocols, offered, spoken):
        client = client_of(authority)
        client.minimum_version = client.maximum_version = ssl.TLSVersion[offered]
        server = make_context(Settings(**options, tls_protocols=protocols))
        if spoken is None:
            with pytest.raises(ssl.SSLError):
                Handshake(server, client)
        else:
            assert Handshake(server, client).server.version() == spoken


class TestCiphers:
    def cipher(self, authority, options, offered, **settings):
        client = client_of(authority, maximum_version=ssl.TLSVersion.TLSv1_2)
        client.set_ciphers(offered)
        return Handshake(make_context(Settings(**options, **settings)), client).server.cipher()[0]

    def test_only_these(self, authority, options):
        chosen = {"tls_ciphers": "ECDHE-ECDSA-AES256-GCM-SHA384"}
        assert self.cipher(authority, options, "ALL", **chosen) == "ECDHE-ECDSA-AES256-GCM-SHA384"
        with pytest.raises(ssl.SSLError):
            self.cipher(authority, options, "ECDHE-ECDSA-AES128-GCM-SHA256", **chosen)

    @pytest.mark.parametrize("server_first", [False, True])
    def test_whose_order_counts(self, authority, options, server_first):
        strong, weak = "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256"
        settings = {"tls_ciphers": f"{strong}:{weak}", "tls_prefer_server_ciphers": server_first}
        assert self.cipher(authority, options, f"{weak}:{strong}", **settings) == (strong if server_first else weak)

    def test_diffie_hellman(self, authority, options, tmp_path):
        identity = authority.issue("old", old=True)
        options |= {"tls_cert_file": str(identity.certificate), "tls_key_file": str(identity.key)} | {
            "tls_ciphers": "DHE-RSA-AES128-GCM-SHA256"
        }
        with pytest.raises(ssl.SSLError):
            self.cipher(authority, options, "DHE-RSA-AES128-GCM-SHA256")
        parameters = tmp_path / "parameters"
        parameters.write_text(FFDHE2048)
        found = self.cipher(authority, options, "DHE-RSA-AES128-GCM-SHA256", tls_dh_params_file=str(parameters))
        assert found == "DHE-RSA-AES128-GCM-SHA256"

    def test_suites(self, authority, options):
        if hasattr(ssl.SSLContext, "set_ciphersuites"):
            server = make_context(Settings(**options, tls_ciphersuites="TLS_CHACHA20_POLY1305_SHA256"))
            assert Handshake(server, client_of(authority)).server.cipher()[0] == "TLS_CHACHA20_POLY1305_SHA256"
        else:
            assert sys.version_info < (3, 15)
            text = refusal(options, tls_ciphersuites="TLS_CHACHA20_POLY1305_SHA256")
            assert text.startswith("tls-ciphersuites cannot be set with this version of Python")


class TestClients:
    def certified(self, authority, options, auth, identity=None):
        """Whether the server has seen a certificate; ssl.SSLError where it turns the client away."""
        client = client_of(authority, maximum_version=ssl.TLSVersion.TLSv1_2)
        if identity:
            client.load_cert_chain(identity.certificate, identity.key)
        options |= {"tls_auth_clients": auth}
        return bool(Handshake(make_context(Settings(**options)), client).server.getpeercert(binary_form=True))

    def test_with_a_certificate(self, authority, options):
        client = authority.issue("client")
        assert [self.certified(authority, options, auth, client) for auth in ("no", "optional", "yes")] == [False, True, True]

    def test_without(self, authority, options):
        assert [self.certified(authority, options, auth) for auth in ("no", "optional")] == [False, False]
        with pytest.raises(ssl.SSLError):
            self.certified(authority, options, "yes")

    @pytest.mark.parametrize("auth", ["optional", "yes"])
    def test_with_one_of_strangers(self, authority, options, tmp_path, auth):
        (tmp_path / "strangers").mkdir()
        stranger = Authority(tmp_path / "strangers", "strangers").issue("client")
        with pytest.raises(ssl.SSLError):
            self.certified(authority, options, auth, stranger)

    def test_authorities_in_a_folder(self, authority, options, tmp_path):
        folder = tmp_path / "authorities"
        folder.mkdir()
        (folder / "authority.pem").write_bytes(authority.file.read_bytes())
        subprocess.run(["openssl", "rehash", folder], check=True)
        options |= {"tls_ca_cert_file": "", "tls_ca_cert_dir": str(folder)}
        assert self.certified(authority, options, "yes", authority.issue("client"))


@pytest.mark.parametrize("auth", ["no", "yes"])
def test_a_client_that_returns(authority, options, auth):
    """It need not show its certificate again."""
    identity = authority.issue("client")
    client = client_of(authority, maximum_version=ssl.TLSVersion.TLSv1_2)
    client.load_cert_chain(identity.certificate, identity.key)
    options |= {"tls_auth_clients": auth}
    server = make_context(Settings(**options))
    first = Handshake(server, client)
    assert not first.client.session_reused
    assert Handshake(server, client, first.client.session).client.session_reused


class TestKey:
    def test_encrypted(self, authority, options):
        authority.issue("server", password="open sesame")
        assert make_context(Settings(**options, tls_key_file_pass="open sesame"))

    @pytest.mark.parametrize("password", ["", "wrong", "x" * 2000])
    def test_without_its_password(self, authority, options, password):
        """An empty one too: nobody is asked on the terminal."""
        authority.issue("server", password="open sesame")
        text = refusal(options, tls_key_file_pass=password)
        assert text.startswith(f"cannot use tls-cert-file {options['tls_cert_file']} with tls-key-file {options['tls_key_file']}: ")
        assert "sesame" not in text


class TestRefused:
    @pytest.mark.parametrize("name", ["cert", "key"])
    def test_without_a_file(self, options, name):
        assert refusal(options, **{f"tls_{name}_file": ""}) == f"tls-port needs tls-{name}-file"

    def test_clients_nobody_vouches_for(self, options):
        text = refusal(options, tls_auth_clients="yes", tls_ca_cert_file="")
        assert text == "tls-auth-clients yes needs tls-ca-cert-file or tls-ca-cert-dir"

    @pytest.mark.parametrize(
        ("name", "reason"),
        [("cert_file", "no such file or directory"), ("ca_cert_file", "no such file or directory"), ("dh_params_file", "no such file")],
    )
    def test_a_file_that_is_not_there(self, options, tmp_path, name, reason):
        text = refusal(options, **{f"tls_{name}": str(tmp_path / "none")}).lower()
        assert str(tmp_path / "none") in text
        assert reason in text

    @pytest.mark.parametrize("name", ["cert_file", "key_file", "ca_cert_file", "dh_params_file"])
    def test_a_file_of_something_else(self, options, tmp_path, name):
        (tmp_path / "text").write_text("hello")
        assert str(tmp_path / "text") in refusal(options, **{f"tls_{name}": str(tmp_path / "text")})

    def test_the_key_of_another_certificate(self, authority, options):
        other = authority.issue("other")
        assert refusal(options, tls_key_file=str(other.key)).endswith(": key values mismatch")

    def test_ciphers_that_do_not_exist(self, options):
        assert refusal(options, tls_ciphers="NONESUCH") == "tls-ciphers NONESUCH: no cipher can be selected."


FFDHE2048 = """\
-----BEGIN DH PARAMETERS-----
MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==
-----END DH PARAMETERS-----
"""
"""The group of RFC 7919."""
