"""The page's HTML, beyond its words."""

import re

import pytest


@pytest.fixture(scope="module")
def page(grid_page):
    return grid_page.read_text(encoding="utf-8")


def test_nothing_comes_from_elsewhere(page):
    assert not re.search(r"""(src|href|url)\s*[=(]\s*["']?(https?:|//|file:)""", page)
    assert "<script" not in page
    assert not re.search("#[0-9a-f]{6}", page[page.index("</style>") :])
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_every_row_of_a_table_has_a_heading(page):
    assert page.count('<tr><th scope="row">') == page.count("<tr>") - page.count("<thead><tr>") > 20


def test_the_mark_of_the_true_class_is_not_cut_off_with_a_long_name(page):
    names = re.findall(r'<span class="name" title="([^"]+)">(✓ )?([^<]+)</span>', page)
    assert all(title == shown for title, _, shown in names)
    assert {title for title, mark, _ in names if mark} == {"ant", "bee &amp; co", "&lt;wasp&gt;", "$fly$"}
