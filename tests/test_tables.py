"""Tables: read by those who see HTML and by those who do not."""

import numpy as np
import pytest

from helpers import plots, tables


@pytest.fixture
def shown(monkeypatch):
    """What is displayed, instead of being displayed: dicts from MIME type to text."""
    found = []
    monkeypatch.setattr(tables, "display", lambda data, raw: found.append(data))
    return found


def test_a_table_is_html_with_a_caption_and_aligned_text(shown):
    rows = {"VAE": [0.123, 5], "β-VAE, <β> = 4": [-1.5, "–"]}
    plots.table(rows, ["MIG", "open latents"], "Two models & their scores.")
    (output,) = shown
    assert output["text/plain"].splitlines() == [
        "Two models & their scores.",
        "                  MIG  open latents",
        "VAE              0.12             5",
        "β-VAE, <β> = 4  −1.50             –",
    ]
    html = output["text/html"]
    assert "<caption>Two models &amp; their scores.</caption>" in html
    assert '<th scope="row">β-VAE, &lt;β&gt; = 4</th><td>−1.50</td><td>–</td>' in html


@pytest.mark.parametrize(
    "value, digits, text",
    [
        (1234.5678, 1, "1,234.6"),
        (-0.0001, 2, "0.00"),
        (12345, 2, "12,345"),
        (np.int64(-3), 2, "−3"),
        (np.float32(0.5), 3, "0.500"),
        (float("nan"), 2, "nan"),
    ],
)
def test_numbers_are_shown_as_a_reader_expects_them(value, digits, text, shown):
    tables.table({"row": [value]}, ["column"], "A caption.", digits)
    assert shown[0]["text/plain"].split()[-1] == text


def test_a_table_without_a_caption_or_with_ragged_rows_is_refused():
    with pytest.raises(ValueError, match="a sentence that says"):
        tables.table({"row": [1]}, ["column"], " ")
    with pytest.raises(ValueError, match="'row' has 2 values for 1 columns"):
        tables.table({"row": [1, 2]}, ["column"], "A caption.")
