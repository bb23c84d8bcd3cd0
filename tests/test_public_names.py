"""The public surface: what is exported, where it says it lives, and what importing it costs."""

import importlib
import importlib.metadata
import subprocess
import sys
from typing import get_args

import pytest

import nango_client
import nango_client.models
from nango_client import exceptions


def test_all_names_are_there_and_sorted() -> None:
    """__all__ is what can be imported, once each."""
    assert nango_client.__all__ == sorted(set(nango_client.__all__))
    for name in nango_client.__all__:
        assert getattr(nango_client, name) is getattr(nango_client, name)
    assert set(dir(nango_client)) == {*nango_client.__all__, "__version__"}


def test_every_error_and_model_is_exported() -> None:
    """What a caller can meet can be imported from the top."""
    assert set(exceptions.__all__) <= set(nango_client.__all__)
    assert set(nango_client.models.__all__) <= set(nango_client.__all__)


def test_public_classes_say_that_they_live_at_the_top() -> None:
    """A traceback says nango_client.NotFoundError."""
    classes = [getattr(nango_client, name) for name in exceptions.__all__]
    classes += [*get_args(nango_client.Credentials), nango_client.Connection, nango_client.EndUser]

    assert {cls.__module__ for cls in classes} == {"nango_client"}


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As with any module."""
    with pytest.raises(AttributeError, match="has no attribute 'Nango'"):
        _ = nango_client.Nango


def test_the_version_is_that_of_the_distribution() -> None:
    """One source of truth, which the build reads."""
    assert nango_client.__version__ == importlib.metadata.version("nango-client")


def test_the_import_is_cheap() -> None:
    """Importing the package loads nothing; the client loads neither the kit nor aiohttp.web."""
    program = (
        "import sys, nango_client\n"
        "assert not {'aiohttp', 'attrs', 'cattrs', 'tenacity'} & set(sys.modules)\n"
        "nango_client.NangoClient\n"
        "assert not {'aiohttp.web', 'nango_client.testing', 'pytest'} & set(sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)

    assert done.returncode == 0, done.stderr
