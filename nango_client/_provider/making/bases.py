"""The base URL of a provider: fixed in its entry, or made of a connection's values.

A value that a customer chose must not decide more than its place: see PROXY.md §7 and §9.
"""

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Final, cast, final

from yarl import URL

from nango_client._provider.making import urls
from nango_client._provider.making.refusals import CHECK_CONNECTION, Refused, shown_name
from nango_client._provider.making.templates import Scope, Template, Unresolved, parse

_SECURE: Final = "https://"
_INSECURE: Final = "http://"
_NOT_HTTPS: Final = "its base URL is not https"
_BAD_HOST: Final = "a value of the connection is no part of a host name"


@final
class Base:
    """A base URL, checked.

    Attributes:
        origin: scheme, host and port, lower case, without a default port.
        path: what stands before the caller's path, encoded, without a trailing slash.
        from_data: True where the connection's data decides who is called.
        has_secret: True where a credential stands in its path.
    """

    __slots__ = ("from_data", "has_secret", "origin", "path")

    def __init__(
        self, origin: str, path: str, *, from_data: bool = False, has_secret: bool = False
    ) -> None:
        self.origin = origin
        self.path = path
        self.from_data = from_data
        self.has_secret = has_secret


def base_given_in_code(url: str | URL) -> Base:
    """Check a ``base_url=``; it may be http, since code and not data says so."""
    text = urls.given_base(url)
    origin, path = urls.split_origin(text) or (text, "")
    return Base(urls.plain_origin(origin), urls.encode_path(path))


@final
class BaseTemplate:
    """The ``base_url`` of a provider's entry.

    Args:
        text: as the entry has it.
    """

    def __init__(self, text: str) -> None:
        self._choices = _choices(parse(text))
        names = tuple(name for choice in self._choices for name in choice.names)
        configured = [name for name in names if name.startswith("connectionConfig.")]
        # Of two alternatives the first variable decides, whichever of them it is in.
        self._decides = configured[0].split(".")[1:] if configured else []
        self.names = names
        self.fixed = self._make_fixed()

    def _make_fixed(self) -> Base | None:
        """Make the base now where nothing of the connection is in it."""
        if self.names:
            return None
        try:
            return _assemble(self._choices[0], Scope({}, functions={}))
        except Refused:
            # Said again with every request.
            return None

    def render(self, scope: Scope, config: Mapping[str, object]) -> Base:
        """Make the base URL of a connection.

        Args:
            scope: what its placeholders stand for.
            config: the ``connection_config`` as Nango sent it.

        Raises:
            Refused: it is no https URL, or a value would leave its place.
        """
        choice = self._choices[0]
        if len(self._choices) > 1 and self._decides and not _look_up(config, self._decides):
            choice = self._choices[1]
        return _assemble(choice, scope)


def _choices(template: Template) -> tuple[Template, ...]:
    if template.alternative is None:
        return (template,)
    return (Template(template.parts), template.alternative)


def _look_up(config: object, path: list[str]) -> object:
    for step in path:
        if not isinstance(config, Mapping):
            return None
        config = cast("Mapping[str, object]", config).get(step)
    return config


def base_of_value(text: str) -> Base:
    """Make the base URL where a value is all of it."""
    assembly = _Assembly()
    assembly.add_value(text.removesuffix("/"), is_secret=False, is_last=True)
    return assembly.finish()


def _assemble(template: Template, scope: Scope) -> Base:
    assembly = _Assembly()
    parts = template.parts
    for position, part in enumerate(parts):
        last = position == len(parts) - 1
        if isinstance(part, str):
            assembly.add_literal(part.removesuffix("/") if last else part)
            continue
        text = part.render(scope)
        if isinstance(text, Unresolved):
            raise Refused(
                f"the connection has no value for {shown_name(text)} in the base URL",
                CHECK_CONNECTION,
            )
        if "${" in text:
            raise Refused("a value in the base URL is a template", CHECK_CONNECTION)
        following = "/" if last else parts[position + 1]
        whole = isinstance(following, str) and following.startswith(("/", ":"))
        names = tuple(part.names())
        secret = not all(name.startswith("connectionConfig.") for name in names)
        assembly.add_value(text, is_secret=secret, is_last=whole)
    return assembly.finish()


class _Assembly:
    """A URL that grows from left to right: scheme, then host, then path."""

    def __init__(self) -> None:
        self._scheme = ""
        self._host = ""
        self._path: str | None = None
        self._in_port = False
        self._from_data = False
        self._has_data = False
        self._has_secret = False

    def add_literal(self, text: str) -> None:
        """Go on with what the entry itself says."""
        if not self._scheme:
            for scheme in (_SECURE, _INSECURE):
                if text.lower().startswith(scheme):
                    self._scheme = scheme
                    text = text[len(scheme) :]
                    break
            else:
                raise Refused(_NOT_HTTPS)
        if self._path is None:
            host, slash, path = text.partition("/")
            self._host += host
            self._in_port = self._in_port or ":" in host
            # Only dots leave it to the values around them.
            self._from_data = self._from_data and not host.strip(".-:0123456789")
            if slash:
                self._path = slash
            text = path
        if self._path is not None:
            if "?" in text or "#" in text:
                raise Refused("its base URL has a query or a fragment")
            self._path += text

    def add_value(self, text: str, *, is_secret: bool, is_last: bool) -> None:
        """Go on with a value of the connection.

        Args:
            text: the value.
            is_secret: whether it is a credential.
            is_last: whether host and value end together.
        """
        if self._path is not None:
            self._path += urls.path_value(text)
            self._has_secret = self._has_secret or is_secret
            return
        path = ""
        if not self._scheme:
            self._scheme, text = self._split_scheme(text)
        if not self._host and is_last:
            text, slash, path = text.partition("/")
            path = slash + path
        elif not urls.is_host_part(text):
            raise Refused(_BAD_HOST, CHECK_CONNECTION)
        if not self._in_port:
            self._from_data = True
        self._has_data = True
        self._host += text
        if path:
            if "?" in path or "#" in path:
                raise Refused("a value in the base URL has a query or a fragment", CHECK_CONNECTION)
            self._path = urls.path_value(path)

    @staticmethod
    def _split_scheme(text: str) -> tuple[str, str]:
        if not text.lower().startswith(_SECURE):
            raise Refused("the base URL in the connection is not https", CHECK_CONNECTION)
        return _SECURE, text[len(_SECURE) :]

    def finish(self) -> Base:
        """Check the whole."""
        host = self._host.lower()
        if not urls.checked_host(host):
            raise Refused(_BAD_HOST if self._has_data else "its base URL has no host name")
        if self._scheme == _INSECURE and (self._has_data or not _is_loopback(host)):
            raise Refused(_NOT_HTTPS)
        return Base(
            urls.plain_origin(self._scheme + host),
            urls.encode_path(self._path or ""),
            from_data=self._from_data,
            has_secret=self._has_secret,
        )


def _is_loopback(host: str) -> bool:
    name = host[1 : host.index("]")] if host.startswith("[") else host.partition(":")[0]
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
