"""Signatures hold when whoever receives the request computes them by the book."""

import base64
import hashlib
import hmac
import re
import sys
from typing import Any
from urllib.parse import quote, unquote, unquote_plus

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from making import connection, entry, prepare

from nango_client import (
    AwsSigV4Credentials,
    BasicCredentials,
    InvalidArgumentError,
    OAuth1Credentials,
    TbaCredentials,
    UnsupportedProviderError,
)
from nango_client._provider.making.plans import ClientSecrets, Plan

APP = ClientSecrets("app&id", "app secret+")
USER = OAuth1Credentials(oauth_token="user/token", oauth_token_secret="user=secret")
TBA = TbaCredentials(token_id="id", token_secret="secret")
AWS = AwsSigV4Credentials(
    role_arn="arn",
    region="eu-west-1",
    service="execute-api",
    access_key_id="AKIA",
    secret_access_key="aws/secret",
    session_token="session==",
)
AWS_ENTRY = {
    "name": "aws",
    "auth_mode": "AWS_SIGV4",
    "proxy": {"base_url": "https://api.aws.example"},
}
ODD_PATHS = ("/v1/items", "/a%20b/(c)!*'?z=1&a=%2F&a=b&A=3&e=&f", "/caf\xe9?q=x+y%2Bz&b=\xfc&q=*~")


def esc(text: str) -> str:
    return quote(text, safe="")


def oauth_is_right(plan: Plan, consumer_secret: str, token_secret: str) -> bool:
    """Verify as a server does: RFC 5849, section 3.4."""
    header = plan.headers["Authorization"].removeprefix("OAuth ")
    sent = dict(re.findall(r'(\w+)="([^"]*)"', header))
    sent.pop("realm", None)
    signature = unquote(sent.pop("oauth_signature"))
    key = f"{esc(consumer_secret)}&{esc(token_secret)}".encode()
    method = sent["oauth_signature_method"]
    if method == "PLAINTEXT":
        return signature.encode() == key
    query = [pair.partition("=") for pair in plan.url.raw_query_string.split("&") if pair]
    pairs = [(esc(unquote_plus(name)), esc(unquote_plus(value))) for name, _, value in query]
    pairs += [(esc(unquote(name)), esc(unquote(value))) for name, value in sent.items()]
    normal = "&".join(f"{name}={value}" for name, value in sorted(pairs))
    url = f"{plan.origin}{plan.url.raw_path}"
    base = f"{plan.method}&{esc(url)}&{esc(normal)}"
    digest = {"HMAC-SHA1": "sha1", "HMAC-SHA256": "sha256"}[method]
    made = hmac.new(key, base.encode(), digest).digest()
    return base64.b64encode(made).decode() == signature


def aws_is_right(plan: Plan, secret: str, body: bytes | None = None) -> bool:
    """Verify as AWS describes it for those who sign."""
    header = plan.headers["Authorization"]
    found = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=[^/]+/(\d{8})/([^/]+)/([^/]+)/aws4_request, "
        r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})",
        header,
    )
    assert found
    day, region, service, names, signature = found.groups()
    query = [pair.partition("=") for pair in plan.url.raw_query_string.split("&") if pair]
    pairs = sorted((esc(unquote_plus(name)), esc(unquote_plus(value))) for name, _, value in query)
    path = plan.url.raw_path if service == "s3" else quote(plan.url.raw_path, safe="/~")
    host = plan.url.host or ""
    headers = {"host": host} | {name.lower(): value for name, value in plan.headers.items()}
    declared = headers.get("x-amz-content-sha256")
    payload = declared or hashlib.sha256(plan.body if body is None else body).hexdigest()
    canonical = "\n".join(
        (
            plan.method,
            path,
            "&".join(f"{name}={value}" for name, value in pairs),
            *(f"{name}:{' '.join(headers[name].split())}" for name in names.split(";")),
            "",
            names,
            payload,
        )
    )
    scope = f"{day}/{region}/{service}/aws4_request"
    to_sign = "\n".join(
        (
            "AWS4-HMAC-SHA256",
            headers["x-amz-date"],
            scope,
            hashlib.sha256(canonical.encode()).hexdigest(),
        )
    )
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), "sha256").digest()
    return hmac.new(key, to_sign.encode(), "sha256").hexdigest() == signature


@pytest.mark.parametrize("path", ODD_PATHS)
@pytest.mark.parametrize("method", ["HMAC-SHA1", "HMAC-SHA256", "PLAINTEXT"])
def test_an_oauth_1_server_finds_the_signature_right(path: str, method: str) -> None:
    """Consumer and user sign method, URL and query."""
    wire = {
        "name": "twitter",
        "signature_method": method,
        "proxy": {"base_url": "https://api.twitter.example/1.1"},
    }

    plan = prepare(wire, connection(USER), path, client=APP, params={"page": 2})

    assert oauth_is_right(plan, APP.client_secret, USER.oauth_token_secret)
    assert plan.injected.headers == {"authorization"}
    assert not plan.renewable


@pytest.mark.parametrize("override", [None, {"client_id": "own", "client_secret": "other"}])
@pytest.mark.parametrize("path", ODD_PATHS)
def test_netsuite_finds_the_signature_right(path: str, override: dict[str, str] | None) -> None:
    """The consumer is the connection's own, and the realm the account."""
    owner = connection(
        TbaCredentials(token_id="id", token_secret="secret", config_override=override),
        accountId="12-3-sb1",
        oauth_client_id="consumer",
        oauth_client_secret="shared",
    )

    plan = prepare(entry(headers={}), owner, path)

    assert oauth_is_right(plan, "other" if override else "shared", "secret")
    assert plan.headers["Authorization"].startswith('OAuth realm="12_3-SB1", ')


@pytest.mark.parametrize("path", ODD_PATHS)
@pytest.mark.parametrize("body", [{}, {"json": {"a": 1}}, {"data": b"x"}, {"data": {"a": "b c"}}])
def test_aws_finds_the_signature_right(path: str, body: dict[str, Any]) -> None:
    """Everything of the request is signed but what is replaced: the caller's Authorization."""
    given = {"Authorization": "mine", "X-Amz-Target": "  A   b ", "X-Amz-Date": "mine"}

    plan = prepare(AWS_ENTRY, connection(AWS), path, method="POST", headers=given, **body)

    assert aws_is_right(plan, AWS.secret_access_key)
    sent_hash = plan.headers["X-Amz-Content-SHA256"]
    assert sent_hash == hashlib.sha256(plan.body or b"").hexdigest()
    assert {"authorization", "host", "x-amz-security-token"} < plan.injected.headers
    assert plan.headers.getall("X-Amz-Date") == ["20261127T120000Z"]


def test_s3_paths_are_encoded_once_and_streams_are_not_signed() -> None:
    """S3 alone takes a body that nobody has hashed."""
    s3 = AwsSigV4Credentials(
        role_arn="arn",
        region="eu-west-1",
        service="s3",
        access_key_id="AKIA",
        secret_access_key="aws/secret",
        session_token="",
    )
    stream = object()

    plan = prepare(AWS_ENTRY, connection(s3), "/a%20b", method="PUT", data=stream)

    assert aws_is_right(plan, s3.secret_access_key)
    assert plan.headers["X-Amz-Content-SHA256"] == "UNSIGNED-PAYLOAD"
    assert "X-Amz-Security-Token" not in plan.headers
    assert plan.body is stream
    with pytest.raises(InvalidArgumentError, match="in memory"):
        prepare(AWS_ENTRY, connection(AWS), method="PUT", data=stream)


def test_the_base_url_of_an_aws_connection_comes_first() -> None:
    """It is data, so the address that it leads to has to be looked at."""
    plan = prepare(AWS_ENTRY, connection(AWS, base_url="https://bucket.example/"))

    assert str(plan.url) == "https://bucket.example/v1/items"
    assert plan.check_address


@pytest.mark.parametrize("given", [{}, {"Content-Type": "text/plain"}])
@pytest.mark.parametrize("host", ["", ", api.acme.example"])
def test_a_template_may_sign_for_aws(host: str, given: dict[str, str]) -> None:
    """The function signs host and date, and the caller's content type."""
    call = "${awsSigV4(${credentials.username}, ${credentials.password}, eu, iam" + host + ")}"
    date = "${now:YYYYMMDDTHHmmss[Z]}"
    wire = entry(
        "https://iam.amazonaws.com" if not host else "https://api.acme.example",
        headers={"authorization": call, "x-amz-date": date},
    )
    keys = BasicCredentials(username="AKIA", password="aws/secret")

    plan = prepare(wire, connection(keys), "/x?b=1&a=2", method="POST", data=b"x", headers=given)

    assert aws_is_right(plan, "aws/secret")


def test_streamline_finds_the_signature_right() -> None:
    """The signature covers the digest of the bytes that are sent."""
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    message = "${method} https://${host}${path} ${sha256Base64(${bodyCanonicalParams})}"
    wire = entry(headers={"signature": "${ed25519Sign(" + message + ", ${credentials.password})}"})
    inner = "".join(pem.splitlines()[1:-1])

    for key in (pem, pem.replace("\n", "\\n"), inner):
        owner = connection(BasicCredentials(username="ada", password=key))
        plan = prepare(wire, owner, "/x", method="POST", json={"name": "Zo\xeb"})

        digest = base64.b64encode(hashlib.sha256(plan.body).digest()).decode()
        signed = f"POST https://api.acme.example/x {digest}"
        private.public_key().verify(base64.b64decode(plan.headers["signature"]), signed.encode())


@pytest.mark.parametrize("key", ["no key", "", "AAA", "TU==", "!", "-----BEGIN X-----\nAAAA\n"])
def test_a_key_that_cannot_be_read_is_refused(key: str) -> None:
    """It must not travel in clear, as it would with Nango."""
    wire = entry(headers={"signature": "${ed25519Sign(x, ${credentials.password})}"})
    owner = connection(BasicCredentials(username="ada", password=key))

    with pytest.raises(UnsupportedProviderError, match="no Ed25519 private key"):
        prepare(wire, owner)


@pytest.mark.parametrize(
    ("module", "extra", "wire", "owner"),
    [
        ("oauthlib.oauth1", "oauth1", entry(headers={}), connection(USER)),
        ("botocore.auth", "aws", AWS_ENTRY, connection(AWS)),
        (
            "cryptography.hazmat.primitives.asymmetric.ed25519",
            "ed25519",
            entry(headers={"x": "${ed25519Sign(a, ${apiKey})}"}),
            connection(),
        ),
    ],
)
def test_a_missing_library_names_its_extra(
    monkeypatch: pytest.MonkeyPatch, module: str, extra: str, wire: Any, owner: Any
) -> None:
    """The text says what to install."""
    monkeypatch.setitem(sys.modules, module, None)

    with pytest.raises(UnsupportedProviderError) as caught:
        prepare(wire, owner, client=APP)

    assert f'pip install "nango-client[{extra}]"' in str(caught.value)
    assert "optional library" in caught.value.reason


@pytest.mark.parametrize(
    ("wire", "owner", "client", "says"),
    [
        (entry(headers={}), connection(USER), None, "integration's id and secret"),
        (entry(headers={}), connection(USER), ClientSecrets("id", ""), "id and secret"),
        (
            entry(headers={}) | {"signature_method": "RSA-SHA1"},
            connection(USER),
            APP,
            "method that is not offered",
        ),
        (entry(headers={}), connection(TBA, accountId="1"), None, "consumer key and secret"),
        (
            entry(headers={}),
            connection(TBA, oauth_client_id="a", oauth_client_secret="b"),
            None,
            "account id",
        ),
        (
            AWS_ENTRY,
            connection(
                AwsSigV4Credentials(
                    role_arn="",
                    region="",
                    service="",
                    access_key_id="",
                    secret_access_key="x",
                    session_token="",
                )
            ),
            None,
            "credentials are empty",
        ),
        (entry(headers={"x": "${awsSigV4(a, ${apiKey})}"}), connection(), None, "of arguments"),
    ],
)
def test_what_cannot_be_signed_is_refused(wire: Any, owner: Any, client: Any, says: str) -> None:
    """A signature without its secrets is none."""
    with pytest.raises(UnsupportedProviderError, match=says):
        prepare(wire, owner, client=client)
