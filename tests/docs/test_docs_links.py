"""Links between pages lead somewhere, and what readers look for is near the front page."""

import re
from pathlib import Path

import pytest
from doc_blocks import ROOT, pages

DOCS = ROOT / "docs"

_BLOCK = re.compile(r"^( *)(`{3,})(?!\{toctree).*?^\1\2$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
_EXPLICIT_TARGET = re.compile(r"^\((?P<name>[a-z0-9-]+)\)=$", re.MULTILINE)
_HEADING = re.compile(r"^#{1,3} (?P<text>.+)$", re.MULTILINE)

TASKS = {
    "connect a user": "how-to/connect-a-user.md",
    "reconnect": "how-to/connect-a-user.md#reconnect",
    "find a user's connection": "how-to/manage-connections.md",
    "call the provider": "how-to/call-the-provider.md",
    "upload a file": "how-to/call-the-provider.md#upload-and-download",
    "receive a webhook": "how-to/webhooks.md",
    "read records with deletions": "how-to/read-records.md",
    "run an action": "how-to/run-actions.md",
    "share the cache": "how-to/share-the-cache.md",
    "first token": "tutorial.md",
    "all credential types with match": "how-to/credentials.md",
    "401 from the provider": "how-to/errors.md#the-provider-answers-401",
    "outage behaviour": "how-to/cache.md#see-what-an-outage-does",
    "rate limit": "how-to/rate-limits.md",
    "testing expiry": "how-to/test-your-code.md",
    "custom session": "how-to/session.md",
    "self-hosted URL": "how-to/self-hosted.md",
    "what is logged": "how-to/logging.md",
    "moving from Node": "how-to/from-node.md",
}


def _prose(page: Path) -> str:
    """Give the text without its blocks of code."""
    return re.sub(
        r"^( *)(`{3,})(?!\{toctree).*?^\1\2$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL
    )


def _links(page: Path) -> list[str]:
    targets = [found["target"] for found in _LINK.finditer(_prose(page))]
    return [target for target in targets if "://" not in target]


def _anchors(page: Path) -> set[str]:
    text = _prose(page)
    slugs = {
        re.sub(r"[^\w\- ]", "", heading["text"].lower()).replace(" ", "-")
        for heading in _HEADING.finditer(text)
    }
    return slugs | {found["name"] for found in _EXPLICIT_TARGET.finditer(text)}


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    """Each link between pages names a file, and a heading or target in it."""
    for link in _links(page):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in _anchors(target), link


def _is_listed(page: Path) -> bool:
    """Say whether a page is in the lists; one that says so itself is reached by links alone."""
    return DOCS in page.parents and "orphan: true" not in page.read_text().splitlines()[:3]


def test_llms_txt_names_every_page_for_users() -> None:
    """The list for language models has no dead links and leaves nothing out."""
    named = set(re.findall(r"\]\(([\w/-]+)\.html\)", (DOCS / "llms.txt").read_text()))

    there = {str(page.relative_to(DOCS))[:-3] for page in pages() if _is_listed(page)}

    assert named == there - {"index", "changelog", "contributing"}


@pytest.mark.parametrize("task", TASKS)
def test_a_common_task_is_near_the_front_page(task: str) -> None:
    """The page for it is at most two clicks away; all are one."""
    assert TASKS[task] in _links(DOCS / "index.md")


def test_every_page_is_in_a_table_of_contents() -> None:
    """The side bar shows all pages."""
    listed = set(re.findall(r"^([\w/-]+)$", (DOCS / "index.md").read_text(), re.MULTILINE))

    for page in pages():
        if _is_listed(page) and page.name != "index.md":
            assert str(page.relative_to(DOCS))[:-3] in listed


def test_markdown_has_one_sentence_per_line() -> None:
    """Diffs stay readable."""
    for page in pages():
        for line in _prose(page).splitlines():
            if not line.startswith(("|", "#", "<", "-", " ", "1")):
                assert not re.search(r"[a-z`)]\. [A-Z`]", line), f"{page.name}: {line}"
