"""How `MockNango` reads queries, and what it complains of."""

from typing import Any

import pytest

from nango_client.testing._payloads.schema import (
    any_object,
    either,
    fields,
    flag,
    list_of,
    one_of,
    optional,
    parse_query,
    record,
    text,
    whole_number,
)


@pytest.mark.parametrize(
    ("raw", "query"),
    [
        ("", {}),
        ("a=1&b=", {"a": "1", "b": ""}),
        ("a=1&a=2&a=3", {"a": ["1", "2", "3"]}),
        ("a[]=1&a[]=2", {"a": ["1", "2"]}),
        ("a[0]=1&a[1]=2", {"a": ["1", "2"]}),
        ("a%5Bb%5D=1&a[c]=2", {"a": {"b": "1", "c": "2"}}),
        ("a[b]=1&a[b]=2", {"a": {"b": ["1", "2"]}}),
        ("a=1&a[b]=2&a[]=3", {"a": "1"}),
        ("[b]=1&a[b=2&a%20b=c%2Bd", {"[b]": "1", "a[b": "2", "a b": "c+d"}),
    ],
)
def test_a_query_is_read_as_node_reads_it(raw: str, query: dict[str, Any]) -> None:
    """Repeated names are lists, brackets are lists and objects."""
    assert parse_query(raw) == query


@pytest.mark.parametrize(
    ("value", "complaints"),
    [
        ({"name": "ab"}, []),
        ({"name": "ab", "more": {"a": True}, "list": ["x"], "n": "3", "kind": "a"}, []),
        ({}, ["name: Invalid input: expected string, received undefined"]),
        ({"name": None}, ["name: Invalid input: expected string, received null"]),
        ({"name": 1.5}, ["name: Invalid input: expected string, received number"]),
        ({"name": ""}, ["name: Too small: expected string to have >=1 characters"]),
        ({"name": "abcd"}, ["name: Too big: expected string to have <=3 characters"]),
        (
            {"name": "ab", "more": {"a": "yes"}},
            ["more.a: Invalid input: expected boolean, received string"],
        ),
        ({"name": "ab", "more": []}, ["more: Invalid input: expected record, received array"]),
        ({"name": "ab", "list": {}}, ["list: Invalid input: expected array, received object"]),
        ({"name": "ab", "list": []}, ["list: Too small: expected array to have >=1 items"]),
        ({"name": "ab", "list": ["z"]}, ['list.0: Invalid option: expected one of "x"|"y"']),
        ({"name": "ab", "n": "9"}, ["n: Too big: expected number to be <=5"]),
        ({"name": "ab", "kind": 1}, ["kind: Invalid input"]),
        ({"name": "ab", "x": 1}, [': Unrecognized key: "x"']),
        ({"name": "ab", "x": 1, "y": 2}, [': Unrecognized keys: "x", "y"']),
        ("ab", [": Invalid input: expected object, received string"]),
    ],
)
def test_complaints_are_those_of_zod(value: Any, complaints: list[str]) -> None:
    """Each complaint names the place and what was expected there, the members in their order."""
    check = fields(
        name=text(least=1, most=3),
        more=optional(record(flag)),
        list=optional(list_of(one_of("x", "y"), least=1)),
        n=optional(whole_number(0, 5)),
        kind=optional(either(any_object, one_of("a"))),
    )

    found = [
        ".".join(str(part) for part in issue["path"]) + f": {issue['message']}"
        for issue in check(value, ())
    ]

    assert found == complaints
