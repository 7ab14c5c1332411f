"""What is mended in the builder's pages before a browser sees them; without a browser."""

import page_repairs


class Script:
    """As Sphinx keeps a script: a file's name, or a text of its own."""

    def __init__(self, filename, **attributes):
        self.filename, self.attributes = filename, attributes


def test_a_signature_is_no_list_of_definitions_and_a_list_of_definitions_stays():
    signature = "(\n\n<dl>\n<dd><em>x</em>,</dd>\n<dd><em>y</em>,</dd>\n</dl>\n\n)"
    assert page_repairs.signatures(signature).count('<span class="sig-line">') == 2
    real = '<dl class="simple"><dt>term</dt><dd>what it means</dd></dl>'
    assert page_repairs.signatures(real) == real and "<dl>" not in page_repairs.signatures(signature)


def test_the_cells_under_a_nameless_corner_name_their_rows():
    table = '<table class="dataframe dbp-table"><thead><tr>{}<th>ours</th></tr></thead>' \
            "<tbody><tr><td>clean</td><td>1</td></tr><tr><td>adv</td><td>2</td></tr></tbody></table>"
    mended = page_repairs.row_headers(table.format("<th></th>"))
    assert mended.count('<th scope="row">') == 2 and "<th></th>" not in mended and mended.count("<td>") == 3
    assert page_repairs.row_headers(table.format("<th>measure</th>")) == table.format("<th>measure</th>")


def test_each_script_is_kept_once_and_none_of_live_code():
    files = [Script("a.js"), Script(None, body="let x = 1"), Script("", body="let x = 1"), Script("b.js"), Script("a.js"),
             Script(None, body='const THEBE_JS_URL = "https://..."; const thebe_selector = 1'), Script("sphinx-thebe.js")]
    assert [file.filename for file in page_repairs.scripts(files)] == ["a.js", None, "b.js"]


def test_the_button_for_colab_opens_the_copy_and_no_other_button_moves():
    colab, source = "https://colab.research.google.com/github/a/b/blob/main/", "https://github.com/a/b/blob/main/notebooks/x.ipynb"
    buttons = [{"buttons": [{"url": f"{colab}notebooks/x.ipynb"}]}, {"url": source}, {"type": "javascript"}]
    assert page_repairs.launch(buttons) == [{"buttons": [{"url": f"{colab}colab/x.ipynb"}]}, {"url": source},
                                            {"type": "javascript"}]


def test_a_cited_work_is_an_item_of_its_list():
    assert page_repairs.citations('<div role="doc-biblioentry">') == '<div role="listitem">'


def test_a_column_that_only_counts_the_rows_is_not_shown():
    table = "<table><thead>\n<tr><th>{}</th><th>a</th></tr></thead>" \
            "<tbody><tr><th>{}</th><td>x</td></tr><tr><th>{}</th><td>y</td></tr></tbody></table>"
    assert page_repairs.uncounted(table.format("", 0, 1)).count("<th>") == 1
    for kept in (table.format("", 0, 2), table.format("digit", 0, 1)):
        assert page_repairs.uncounted(kept) == kept


def test_exercises_are_numbered_by_chapter():
    body = '<span class="caption-number">Exercise 17 </span> and <span class="caption-number">Exercise 18 </span>'
    assert "Exercise 4.1 " in page_repairs.exercises(body, "notebooks/04_x")
    assert page_repairs.exercises(body, "book/x") == body
    assert "Exercise 11.2 " in page_repairs.exercises(body, "notebooks/11_x")
