"""The built pages: complete, linked, quiet towards other hosts, and readable without eyes."""

import shutil

import guards
import pytest
import yaml


def test_every_page_of_the_contents_is_built(site):
    toc = yaml.safe_load((guards.ROOT / "_toc.yml").read_text(encoding="utf-8"))
    listed = [toc["root"], *(chapter["file"] for part in toc["parts"] for chapter in part["chapters"])]
    assert [name for name in listed if not (site / name.removesuffix(".ipynb")).with_suffix(".html").is_file()] == []


def test_every_notebook_is_in_the_contents():
    toc = (guards.ROOT / "_toc.yml").read_text(encoding="utf-8")
    assert [path.name for path in guards.chapters().notebooks() if path.name not in toc] == []


def test_links_lead_somewhere(site):
    assert guards.broken_links(site) == []


def test_colab_opens_notebooks_that_are_committed(site, config, tracked):
    assert guards.colab_links_without_a_file(site, tracked, config["repository"]["url"]) == []


def test_every_notebook_page_has_a_colab_button(site):
    for path in guards.chapters().notebooks():
        page = guards.page(site / "notebooks" / f"{path.stem}.html")
        assert any(f"/colab/{path.name}" in link and "colab.research" in link for link in page.links), path.name


def test_a_page_asks_nothing_of_other_hosts(site):
    assert guards.external_requests(site) == []


def test_every_picture_says_what_is_seen(site):
    assert guards.silent_images(site) == []


def test_repository_address_is_the_same_everywhere(config, tracked):
    names = [name for name in tracked if name.endswith((".md", ".toml", ".cff", ".yml", ".ipynb", ".py", "Makefile"))]
    texts = {name: (guards.ROOT / name).read_text(encoding="utf-8") for name in names if (guards.ROOT / name).is_file()}
    assert guards.other_addresses(texts, config["repository"]["url"]) == []


@pytest.fixture
def spoilt(site, tmp_path):
    """A copy of one page of the book, to be spoilt."""
    folder = tmp_path / "html"
    folder.mkdir()
    shutil.copy(site / "book" / "intro.html", folder / "page.html")
    return folder


def spoil(folder, addition):
    page = folder / "page.html"
    page.write_text(page.read_text(encoding="utf-8").replace("</article>", addition + "</article>"), encoding="utf-8")
    return page.name


def test_guards_notice_a_spoilt_page(spoilt, config, tracked):
    spoil(spoilt, '<a href="nowhere.html">x</a><a href="#nothing-here">y</a><img src="https://elsewhere.org/a.png">'
                  '<img alt="figure" src="data:image/png;base64,AA"><a href="https://colab.research.google.com/x/y">z</a>')
    links = "\n".join(guards.broken_links(spoilt))
    assert "nowhere.html is not there" in links and "#nothing-here has no such anchor" in links
    assert any("elsewhere.org" in line for line in guards.external_requests(spoilt))
    assert any("'figure'" in line for line in guards.silent_images(spoilt))
    assert guards.colab_links_without_a_file(spoilt, tracked, config["repository"]["url"])


def test_guard_notices_a_style_that_loads_a_font_from_elsewhere(spoilt):
    (spoilt / "a.css").write_text("@font-face { src: url('https://fonts.elsewhere.org/f.woff2'); }")
    assert any("fonts.elsewhere.org" in line for line in guards.external_requests(spoilt))


def test_guard_notices_another_address(config):
    other = config["repository"]["url"].replace("github.com/", "github.com/somebody-")
    assert guards.other_addresses({"README.md": other}, config["repository"]["url"])
