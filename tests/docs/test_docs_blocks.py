"""README and docs: every block of code runs and gives the output that is shown."""

import re
from collections import Counter
from pathlib import Path

import pytest
from doc_blocks import ROOT, Reader, blocks, fences, pages

pytest.importorskip("nango_client")


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", pages(), ids=_name)
def test_blocks_of_a_page_run(page: Path, tmp_path: Path) -> None:
    """A reader who copies the blocks of a page, top to bottom, sees what the page shows."""
    with Reader(tmp_path) as reader:
        for block in blocks(page):
            reader.read(block)


def test_no_block_is_missed() -> None:
    """All fences of all pages are understood: none is left out without a reason beside it."""
    kinds: Counter[str] = Counter()
    for page in pages():
        opened = len(re.findall(r"^ *(?:```|~~~)", page.read_text(), re.MULTILINE)) / 2
        assert opened == len(list(fences(page))), page
        for block in blocks(page):
            kinds[block.kind] += 1
            if block.kind == "excused":
                assert len(block.name.split()) > 2, f"{block}: say why it is not run"
    ran = sum(kinds[kind] for kind in ("fragment", "program", "file", "console", "background"))
    assert ran > 60, kinds
    assert kinds["excused"] < ran / 4, kinds
