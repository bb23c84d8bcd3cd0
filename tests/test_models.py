"""The models by themselves: frozen, equal by value, quiet about secrets."""

import copy
import json
import pickle
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, get_args

import attrs
import pytest
import yaml

import nango_client
from nango_client import (
    ApiKeyCredentials,
    Connection,
    Credentials,
    OAuth2Credentials,
    UnknownCredentials,
)
from nango_client.models._frozen import (
    EMPTY,
    FrozenDict,
    FrozenList,
    freeze,
)

KINDS = get_args(Credentials)
END = datetime(2026, 11, 24, 1, tzinfo=UTC)


def made(kind: type[Any]) -> Any:
    """Make credentials whose every text is a canary."""
    return kind(
        **{
            field.name: f"canary-{field.name}"
            for field in attrs.fields(kind)
            if field.type in {str, str | None}
        }
    )


def connection(**fields: Any) -> Connection:
    return Connection(
        **{
            "id": 1,
            "connection_id": "user-42",
            "provider_config_key": "github",
            "credentials": OAuth2Credentials(access_token="canary", expires_at=END),
            "created_at": END,
            "updated_at": END,
        }
        | fields
    )


@pytest.mark.parametrize("kind", KINDS)
def test_credentials_show_their_type_and_no_secret(kind: type[Any]) -> None:
    """The repr has type and expiry; everything else is hidden."""
    shown = repr(made(kind))

    assert kind.__name__ in shown
    assert "canary" not in shown.replace("canary-type", "")


@pytest.mark.parametrize("kind", KINDS)
def test_credentials_have_the_common_interface(kind: type[Any]) -> None:
    """type, raw, expires_at and is_expired() are everywhere; nothing can be changed or added."""
    credentials = made(kind)

    assert isinstance(credentials.type, str)
    assert credentials.raw == {}
    assert credentials.expires_at is None
    assert not credentials.is_expired(END)
    assert kind.__module__ == "nango_client"
    with pytest.raises(AttributeError):
        credentials.type = "x"
    with pytest.raises(AttributeError):
        credentials.new = "x"


@pytest.mark.parametrize("at", [END, END.replace(hour=2)])
def test_a_token_ends_at_its_expiry(at: datetime) -> None:
    """The end itself is past."""
    credentials = OAuth2Credentials(access_token="t", expires_at=END)

    assert credentials.is_expired(at)
    assert not credentials.is_expired(END.replace(minute=0, hour=0))


def test_a_connection_shows_ids_types_and_times_only() -> None:
    """Mappings, names and addresses are hidden."""
    shown = repr(
        connection(
            metadata={"canary": 1},
            tags={"canary": "canary"},
            connection_config={"canary": 1},
            webhook_url_override="https://canary",
            end_user=nango_client.EndUser(
                id="eu-1",
                email="canary",
                display_name="canary",
                organization=nango_client.Organization(id="org-1", display_name="canary"),
            ),
            errors=(nango_client.ConnectionIssue(type="auth", log_id="log-1"),),
        )
    )

    assert "canary" not in shown
    for expected in ("user-42", "github", "OAUTH2", "eu-1", "org-1", "log-1", "2026"):
        assert expected in shown


def test_a_connection_ends_with_its_credentials_unless_told_otherwise() -> None:
    """Connection.expires_at has a default, for connections made by hand."""
    assert connection().expires_at == END
    assert connection(credentials=ApiKeyCredentials(api_key="k")).expires_at is None
    assert connection(expires_at=None).expires_at is None


def test_models_are_equal_by_value_and_have_a_hash() -> None:
    """Mappings count for equality, and do not get in the way of hashing."""
    one, same = connection(metadata={"a": 1}), connection(metadata={"a": 1})

    assert one == same
    assert hash(one) == hash(same)
    assert one != "something else"
    assert one != connection(metadata={"a": 2})


def test_models_are_copied_as_themselves_and_not_pickled() -> None:
    """They cannot change, and they hold secrets."""
    one = connection()

    assert copy.copy(one) is one
    assert copy.deepcopy([one])[0] is one
    with pytest.raises(TypeError, match="pass the ids on"):
        pickle.dumps(one)


FROZEN: Any = freeze({"a": {"b": [1, {"c": None}]}, "d": []})
CHANGES: list[Callable[[], object]] = [
    lambda: FROZEN.__setitem__("a", 1),
    lambda: FROZEN.__delitem__("a"),
    lambda: FROZEN.__ior__({}),
    lambda: FROZEN.clear(),
    lambda: FROZEN.pop("a"),
    lambda: FROZEN.popitem(),
    lambda: FROZEN.setdefault("x", 1),
    lambda: FROZEN.update({}),
    lambda: FROZEN["d"].__setitem__(0, 1),
    lambda: FROZEN["d"].__delitem__(0),
    lambda: FROZEN["d"].__iadd__([1]),
    lambda: FROZEN["d"].__imul__(2),
    lambda: FROZEN["d"].append(1),
    lambda: FROZEN["d"].clear(),
    lambda: FROZEN["d"].extend([]),
    lambda: FROZEN["d"].insert(0, 1),
    lambda: FROZEN["d"].pop(),
    lambda: FROZEN["d"].remove(1),
    lambda: FROZEN["d"].reverse(),
    lambda: FROZEN["d"].sort(),
]


@pytest.mark.parametrize("change", CHANGES)
def test_no_way_of_changing_is_left(change: Callable[[], object]) -> None:
    """Every method of dict and list that changes something refuses."""
    with pytest.raises(TypeError, match="read-only"):
        change()


def test_all_methods_that_change_are_covered() -> None:
    """Dict and list have no other methods that change them."""
    changing = {"__setitem__", "__delitem__", "clear", "pop"}
    assert all(vars(FrozenDict).get(name) for name in changing | {"popitem", "update", "__ior__"})
    assert all(vars(FrozenList).get(name) for name in changing | {"append", "sort", "__iadd__"})


def test_frozen_containers_pass_for_plain_ones() -> None:
    """They are equal to plain ones, and json.dumps takes them."""
    plain = {"a": {"b": [1, {"c": None}]}, "d": []}

    assert plain == FROZEN
    assert json.dumps(FROZEN) == json.dumps(plain)
    assert freeze({}) is EMPTY
    assert freeze("text") == "text"


@pytest.mark.parametrize(
    "way",
    [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))],  # noqa: S301
)
def test_every_copy_is_a_plain_container(way: Callable[[Any], Any]) -> None:
    """What one has copied one may change."""
    mapping, array = way(FROZEN), way(FROZEN["d"])

    mapping["new"] = 1
    array.append(1)

    assert type(mapping) is dict
    assert type(array) is list
    assert FROZEN["d"] == []


def test_a_deep_copy_is_plain_all_the_way() -> None:
    """Nested containers too."""
    copied = copy.deepcopy(FROZEN)

    copied["a"]["b"].append(2)

    assert copied["a"]["b"] == [1, {"c": None}, 2]


@pytest.mark.parametrize("value", [FROZEN, FROZEN["d"], EMPTY])
def test_a_deep_copy_can_be_written_by_tools_that_want_plain_classes(value: Any) -> None:
    """YAML's safe writer takes no subclass; the package teaches it nothing behind one's back."""
    with pytest.raises(yaml.representer.RepresenterError):
        yaml.safe_dump(value)

    assert yaml.safe_load(yaml.safe_dump(copy.deepcopy(value))) == value


def test_who_is_refused_a_change_is_told_how_to_get_a_plain_copy() -> None:
    """The text names the function; so does the docstring of a connection."""
    with pytest.raises(TypeError, match=r"copy\.deepcopy\(\)"):
        FROZEN["a"] = 1

    assert "copy.deepcopy" in (Connection.__doc__ or "")


def test_unknown_kinds_keep_their_type() -> None:
    """UnknownCredentials is the only class with any type."""
    assert UnknownCredentials(type="NEW").type == "NEW"
