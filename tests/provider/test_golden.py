"""Our requests are those of Nango's own proxy, but for what is listed here with its reason.

The reasons are told at length in docs/explanation/provider-requests.md.
"""

import re
from fnmatch import fnmatch
from pathlib import Path

import attrs
import pytest
from golden import FOLDER, UNREADABLE, Case, cases, differences, plan

FILES = sorted(FOLDER.glob("*.json"))


@attrs.frozen
class Difference:
    """Cases in which we do otherwise than Nango, all of them.

    Args:
        reason: why.
        names: patterns of the cases' names.
        providers: patterns of the providers' names.
        unless: patterns of "provider/name" for cases that are equal, or differ in other ways.
        flag: what else the cases have in common.
        refused: how our refusal begins to differ from a request: a pattern in its text; None where
            we make a request, but another one.
        where: a pattern in what differs, where a request is made.
    """

    reason: str
    names: str = "*"
    providers: str = "*"
    unless: str = ""
    flag: str | None = None
    refused: str | None = None
    where: str = ""

    def covers(self, case: Case) -> bool:
        return (
            any(fnmatch(case.name, pattern) for pattern in self.names.split())
            and any(fnmatch(case.provider, pattern) for pattern in self.providers.split())
            and not any(fnmatch(str(case), pattern) for pattern in self.unless.split())
            and (self.flag is None or self.flag in case.flags | own_flags(case))
        )


def own_flags(case: Case) -> set[str]:
    """Say of a case what the golden files do not."""
    base_url = case.entry["proxy"].get("base_url", "") if "proxy" in case.entry else ""
    host = base_url.split("||")[0].partition("//")[2].partition("/")[0]
    flags = {"templated base"} if "${" in base_url else set()
    return flags | ({"moves the host"} if "${" in host else set())


DIFFERENCES = (
    # What cannot be called right from here.
    Difference(
        "null is no secret: most of such connections cannot even be decoded",
        names="get__null_secret",
        unless="aws-sigv4/* netsuite-tba/* smugmug/* twitter/* unauthenticated/* *-public/*",
        refused=f"{UNREADABLE}|are empty|no value for 'accessToken'|where the key goes",
    ),
    Difference("client certificates are not offered", providers="adp*", refused="certificate"),
    Difference(
        "without credentials Nango calls anonymously; who has asked for no key needs none",
        names="get__empty_credentials",
        unless="youcanbook-me-public/*",
        refused="credentials are empty",
    ),
    Difference(
        "the entry names no place for the key; a header of the caller's may hold it",
        providers="bill bill-sandbox",
        unless="*/caller_authorization */post_json */base_url_override_template",
        refused="where the key goes",
    ),
    Difference(
        "the entry has a placeholder that never resolves, sent as it stands",
        providers="certn-partner",
        unless="*/caller_authorization */absolute_other_host */base_url_override_template",
        refused="no value for 'apiKey' in header 'authorization'",
    ),
    Difference("the same, in the host", providers="aws", refused="'apiSubdomain' in the base"),
    Difference(
        "schema and template both write https://, and the host is then 'https'",
        names="get post_json",
        providers="gerrit sage-people",
        refused="no part of a host",
    ),
    # Where a value of the connection would leave its place.
    Difference(
        "a placeholder in the host or the path that does not resolve",
        flag="literal_placeholder",
        names="get__no_connection_config get__without_* get__falsy_config",
        refused="no value for '.*' in the base URL",
    ),
    Difference(
        "a signature that is left out would leave the keys behind as Basic",
        names="override_no_connection_config",
        providers="aws-multi-service",
        refused="in header 'authorization'",
    ),
    Difference(
        "a value that is a template itself, in a header: sent as it stands, or left out here",
        names="get__config_with_template",
        providers="harvest quickbase",
        where="user-agent|qb-realm-hostname",
    ),
    Difference(
        "a value that is a template itself, in a URL",
        names="get__config_with_template",
        flag="literal_placeholder",
        refused="a value in the base URL is a template",
    ),
    Difference(
        "a value that would end the host early moves the call, credentials included",
        names="get__hostile_config",
        flag="moves the host",
        refused="query or a fragment|no part of a host",
    ),
    Difference(
        "a value in the path stays there",
        names="get__hostile_config get__special_secret",
        providers="beehiiv myob telegram",
        where="url: .*%3F.*%23",
    ),
    Difference(
        "42.42 is 42.0.0.42 to a resolver",
        names="get__number_config",
        providers="streamline-ai",
        refused="no part of a host",
    ),
    Difference(
        "a number is an account id, too",
        names="get__number_config",
        providers="netsuite-tba",
        where="Nango refuses it",
    ),
    Difference("a base URL that is not https", flag="not_https", refused="is not https"),
    Difference(
        "a base URL with a query swallows the path",
        names="whole_url_query",
        refused="query or a fragment",
    ),
    Difference(
        "a user name in the base URL replaces the Authorization header",
        names="whole_url_userinfo",
        refused="no part of a host",
    ),
    # Where a secret cannot travel.
    Difference(
        "Nango's client takes such characters out, and another secret is sent",
        names="get__crlf_secret get__non_ascii_secret",
        flag="client_changes_header",
        refused="control character or one that is not Latin-1",
    ),
    Difference(
        "the same in the URL",
        names="get__crlf_secret",
        providers="telegram",
        refused="path holds a control character",
    ),
    Difference(
        "a key that cannot be read is sent in clear inside of the signature header",
        names="pem_invalid",
        refused="no Ed25519 private key",
    ),
    Difference(
        "an id that Nango hides is sent as an empty header",
        names="no_integration shared_app",
        providers="getty-images myob",
        refused="needs the integration's own 'clientId'",
    ),
    # The caller's path, parameters and base URL.
    Difference(
        "an absolute URL on another origin is no path",
        names="absolute_other_host",
        refused="only on the origin",
    ),
    Difference(
        "an absolute URL on the origin of the base URL is sent as it stands",
        names="absolute_resolved_base",
        flag="templated base",
        where="^url: ",
    ),
    Difference(
        "the caller's path is no template: here it is a URL elsewhere",
        names="absolute_template_base",
        unless="beehiiv/* cloudflare-mcp/* myob/* salesforce/* telegram/* jira-*/* baserow/*",
        refused="only on the origin",
    ),
    Difference(
        "the caller's path is no template",
        names="absolute_template_base endpoint_template",
        where="^url: .*%7B",
    ),
    Difference("the caller's query is left alone", names="base_url_in_query", where="^url: "),
    Difference("base_url= is no template", names="base_url_override_template", refused="template"),
    Difference(
        "base_url= is written in code, and may lead into one's own network",
        names="base_url_override_private base_url_override_metadata base_url_override_localhost",
        where="Nango refuses it",
    ),
    Difference(
        "only Nango's own scripts leave the slash out; of an absolute URL the path is meant",
        names="no_leading_slash_script base_url_override_absolute_endpoint",
        providers="avanan",
        where="^x-av-sig",
    ),
    Difference(
        "bytes are no form: what they are is for the caller to say",
        names="s3_put",
        where="^content-type: None",
    ),
    # Signatures: ours are those that the receiver computes.
    Difference(
        "PLAINTEXT is announced, and an HMAC is sent",
        providers="smugmug",
        unless="*/caller_authorization",
        where="^authorization",
    ),
    Difference(
        "a fragment is not sent, so not signed; + in a query is a space",
        names="fragment query_in_endpoint_and_params query_odd repeated_query",
        providers="netsuite-tba twitter",
        where="^authorization",
    ),
    Difference(
        "what is replaced is not signed, what is sent is, and AWS counts // as /",
        names="caller_authorization caller_target post_form double_slash",
        providers="aws-sigv4",
        where="^authorization",
    ),
    Difference(
        "the body of a DELETE is signed, too, and the path as AWS counts it",
        names="delete_json double_slash percent_escapes post_form query_odd unicode",
        providers="aws-iam",
        where="^authorization",
    ),
    Difference(
        "parameters are sorted by bytes, and nested JSON is no [object Object]",
        names="params_sorted query_odd put_json patch_json",
        providers="cisco-duo-admin",
        where="^authorization",
    ),
    Difference(
        "the digest is that of the bytes that are sent",
        names="delete_json post_form",
        providers="streamline-ai",
        where="^content-digest",
    ),
)


def difference_for(case: Case) -> Difference | None:
    return next((entry for entry in DIFFERENCES if entry.covers(case)), None)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_request_is_that_of_the_proxy_or_differs_as_listed(path: Path) -> None:
    """URL, method, headers and body are Nango's; a listed difference is one."""
    for case in cases(path):
        ours = plan(case)
        if "error" in case.expected and isinstance(ours, str):
            continue
        listed = difference_for(case)

        if listed is None:
            assert not isinstance(ours, str), f"{case}: {ours}"
            assert not differences(ours, case), case
        elif listed.refused is not None:
            assert isinstance(ours, str), f"{case} is made: {listed.reason}"
            assert re.search(listed.refused, ours), f"{case}: {ours}: {listed.reason}"
        else:
            assert not isinstance(ours, str), f"{case}: {ours}: {listed.reason}"
            found = differences(ours, case)
            assert any(re.search(listed.where, part) for part in found), (case, listed.reason)


def test_every_listed_difference_is_met() -> None:
    """The list holds nothing that no case shows."""
    met = {difference_for(case) for path in FILES for case in cases(path)}

    assert set(DIFFERENCES) <= met
