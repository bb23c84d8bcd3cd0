"""The figures are what their source draws, and can be read."""

import runpy
from xml.etree import ElementTree as ET

import pytest
from doc_blocks import ROOT

FIGURES = ROOT / "docs" / "figures"
DRAWN = runpy.run_path(str(FIGURES / "make.py"))["FIGURES"]
SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("name", DRAWN)
def test_a_figure_is_what_its_source_draws(name: str) -> None:
    """``python docs/figures/make.py`` was run after the last change."""
    assert (FIGURES / name).read_text(encoding="utf-8") == DRAWN[name]()


@pytest.mark.parametrize("name", DRAWN)
def test_a_figure_says_in_words_what_it_shows(name: str) -> None:
    """Screen readers get a title and a description."""
    drawing = ET.fromstring(DRAWN[name]())  # noqa: S314  our own file

    assert drawing.get("role") == "img"
    assert drawing.findtext(f"{SVG}title")
    assert len(drawing.findtext(f"{SVG}desc") or "") > 100


@pytest.mark.parametrize("name", DRAWN)
def test_a_figure_takes_its_colours_from_the_page(name: str) -> None:
    """No text has a colour of its own, which one of the themes would swallow."""
    assert "var(--color-foreground-primary" in DRAWN[name]()
    assert "prefers-color-scheme: dark" in DRAWN[name]()
    drawing = ET.fromstring(DRAWN[name]())  # noqa: S314  our own file
    for words in drawing.iter(f"{SVG}text"):
        assert words.get("fill") is None
