"""The list of references has what is cited, and nothing else; each entry leads to its paper."""

import itertools
import re
import unicodedata
from html import unescape
from typing import NamedTuple
from urllib.parse import unquote

import pytest

from run_notebooks import ROOT
from test_project import NOTEBOOKS
from test_reading import PAGES, outputs

REFERENCES = "notebooks/REFERENCES.md"

# Capitalised words that may stand before a year, or before a name and a comma.
NO_NAME = re.compile(
    "January|February|March|April|May|June|July|August|September|October|November|December|"
    "After|Also|Around|As|At|Before|But|By|Else|First|From|Here|If|In|Later|Now|Of|On|Only|See|"
    "Since|So|Still|The|Then|This|Thus|To|Today|Until|When|With|Year|"
    "Chapter|Equation|Exercise|Figure|Homework|Notebook|Part|Section|Seed|Step|Table|Version|"
    "Apache|Conference|Proceedings|Python|Systems|Ubuntu|Windows|Workshop"
)

NAME = r"(?:(?:van|von|der|den|de) )*(?:Mc|Mac|De|Di|Le|[DO]')?[A-Z][a-z]+(?:-[A-Z][a-z]+)*"
YEAR = r"(?:18|19|20)\d\d[a-z]?(?!\w|[.,]\d)"
SEVERAL = rf"(?:, {NAME})*,? (?:&|and) {NAME},?| et al\.?,?"
CITATION = re.compile(
    rf"(?<![\w'-])(?P<names>{NAME}(?:{SEVERAL})?) [(\[]?"
    rf"(?P<years>{YEAR}(?:(?:, | and |, and ){YEAR}(?=[.,;:)\]|]| \||$))*)"
)


class Citation(NamedTuple):
    """Of an "et al.", the one name before it."""

    names: tuple[str, ...]
    year: str
    et_al: bool = False


def plain(text):
    """The text in one line and without accents, those of LaTeX included; "Miller–Madow" is two."""
    text = re.sub(r"\n\s*[#>] ", " ", unescape(text))
    text = re.sub(r"\\(?:[\"'`^~]|[Hckuv](?=\{)|(?=[ij]\b))|[{}]", "", text)
    text = text.translate(str.maketrans({"ł": "l", "Ł": "L", "ø": "o", "Ø": "O", "’": "'"}))
    text = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
    text = "".join(character for character in text if not unicodedata.combining(character))
    return " ".join(re.sub(r"(?<=[a-z])–(?=[A-Z])", " & ", text).split())


def citations(text):
    """Who is cited in this text, and of which year: a list of `Citation`, without accents."""
    found = []
    for match in CITATION.finditer(plain(text)):
        names = re.findall(NAME, re.sub(" and | et al", " & ", match["names"]))
        names = tuple(itertools.dropwhile(NO_NAME.fullmatch, names))
        for year in re.findall(YEAR, match["years"]) if names else []:
            found.append(Citation(names, year, " et al" in match["names"]))
    return found


class Entry(NamedTuple):
    """An item of the list, its authors without accents."""

    authors: tuple[str, ...]
    year: str
    title: str
    identifier: str | None
    link: str | None

    def is_meant_by(self, citation):
        if citation.year != self.year:
            return False
        if citation.et_al:
            return len(self.authors) > 2 and citation.names == self.authors[:1]
        return citation.names == self.authors


ITEM = re.compile(
    r"- (?P<authors>(?:[^,()]+, [^,()]+(?:, | & )?)+?(?: et al\.)?) \((?P<year>\d{4}[a-z]?)\)\. "
    r"\*(?P<title>[^*]+[.?!])\* [^\[\]*]+\.(?: \[(?P<identifier>\S+|ISBN \S+)\]\((?P<link>\S+)\))?"
)


def entry(line):
    match = ITEM.fullmatch(line)
    assert match, f"not of the form of the other entries: {line}"
    authors = re.findall(r"([^\s,&][^,&]*), (?:[A-Z]\.[ -]?)+", plain(match["authors"]))
    return Entry(tuple(authors), *match.group("year", "title", "identifier", "link"))


def entries():
    lines = PAGES[REFERENCES].splitlines()
    return [entry(line) for line in lines if line.startswith("-")]


def text_of(notebook):
    """A notebook's text, code and comments, and what is printed below its cells and figures."""
    cells = [cell.source for cell in notebook.cells]
    printed = [output.get("text", "") for output in outputs(notebook)]
    shown = [output.get("data", {}).get("text/html", "") for output in outputs(notebook)]
    return "\n\n".join(cells + printed + [re.sub("<.*?>", " ", html) for html in shown])


def sources():
    """All texts that may cite, by their path."""
    modules = [*ROOT.glob("helpers/**/*.py"), *ROOT.glob("data/*.py")]
    return {
        **{path: text_of(notebook) for path, notebook in NOTEBOOKS.items()},
        **{path: text for path, text in PAGES.items() if path != REFERENCES},
        **{path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in modules},
    }


CITED = {path: citations(text) for path, text in sources().items()}


# The list


@pytest.mark.parametrize("path", [path for path in CITED if CITED[path]])
def test_whatever_is_cited_is_in_the_list(path):
    listed = entries()
    missing = [cited for cited in CITED[path] if not any(e.is_meant_by(cited) for e in listed)]
    assert not missing, f"not in {REFERENCES}, or with other authors or another year there"


def test_whatever_is_in_the_list_is_cited():
    cited = set(itertools.chain(*CITED.values()))
    assert all(CITED[path] for path in NOTEBOOKS)
    assert not [entry for entry in entries() if not any(map(entry.is_meant_by, cited))]


def test_the_list_is_sorted_by_first_author_and_year():
    order = [(entry.authors[0].lower(), entry.year) for entry in entries()]
    assert order == sorted(order)


def test_nothing_is_in_the_list_twice():
    listed = entries()
    identifiers = [entry.identifier for entry in listed if entry.identifier]
    assert len({entry.title.lower() for entry in listed}) == len(listed)
    assert len({(entry.authors, entry.year) for entry in listed}) == len(listed)
    assert len(set(identifiers)) == len(identifiers)


# Identifiers

MONTH = "(?:0[1-9]|1[0-2])"
ADDRESSES = "|".join(
    [
        r"openreview\.net/forum\?id=[\w-]+",
        r"proceedings\.mlr\.press/v\d+/\w+\.html",
        r"proceedings\.neurips\.cc/paper/\d{4}/file/[0-9a-f]{32}-Paper\.pdf",
        r"jmlr\.org/papers/v\d+/[\w-]+\.html",
        r"www\.jstor\.org/stable/\d+",
        r"github\.com/[\w-]+/[\w-]+",
        r"approximateinference\.org/\d{4}/accepted/\w+\.pdf",
    ]
)

# Since 2015 the numbers of arXiv have five digits after the point, before that they had four.
LINKS = {
    rf"arXiv:((?:0[7-9]|1[0-4]){MONTH}\.\d{{4}})": "https://arxiv.org/abs/{}",
    rf"arXiv:((?:1[5-9]|2\d){MONTH}\.\d{{5}})": "https://arxiv.org/abs/{}",
    r"doi:(10\.\d{4,9}/[\w.:()/-]+)": "https://doi.org/{}",
    r"ISBN (97[89](?:-\d+){4})": "https://link.springer.com/book/{}",
    f"({ADDRESSES})": "https://{}",
}


def link_of(identifier):
    """Where an identifier must lead; nowhere if it has no form that is known."""
    for form, link in LINKS.items():
        if match := re.fullmatch(form, identifier):
            is_book = identifier.startswith("ISBN")
            return link.format(match[1].replace("-", "") if is_book else match[1])
    return None


def test_every_entry_has_an_identifier_and_the_link_to_it():
    for entry in entries():
        if entry.identifier is None:
            assert int(entry.year[:4]) < 1970, f"{entry} is younger than the ISBN"
        else:
            assert unquote(entry.link) == link_of(entry.identifier), entry
            assert "(" not in entry.link, "Markdown ends a link at the first bracket"


def test_the_check_digit_of_an_isbn_is_right():
    for book in re.findall(r"\[ISBN (\S+)\]", PAGES[REFERENCES]):
        digits = [int(digit) for digit in book.replace("-", "")]
        assert len(digits) == 13
        assert sum(digits[::2], 3 * sum(digits[1::2])) % 10 == 0, book


@pytest.mark.parametrize(
    "identifier",
    ["arXiv:1813.04942", "arXiv:1802.4942", "arXiv:1312.06114", "doi:11.1007/x", "ISBN 0-387-3",
     "doi:https://doi.org/10.1007/x", "example.org/paper.pdf", "openreview.net/"],
)  # fmt: skip
def test_an_identifier_of_no_known_form_leads_nowhere(identifier):
    assert link_of(identifier) is None


# What collects the citations


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("the total correlation (Watanabe 1960)", [(("Watanabe",), "1960")]),
        ("Holm (1979) saw it.", [(("Holm",), "1979")]),
        ("As Kim & Mnih (2018, section 2)", [(("Kim", "Mnih"), "2018")]),
        ("Since Kim and Mnih, 2018", [(("Kim", "Mnih"), "2018")]),
        ("**Bengio, Courville & Vincent (2013**", [(("Bengio", "Courville", "Vincent"), "2013")]),
        ("Here, Neal & Hinton 1998", [(("Neal", "Hinton"), "1998")]),
        ("GECO, Rezende & Viola 2018", [(("Rezende", "Viola"), "2018")]),
        ("Chen et al. 2018, equation 4", [(("Chen",), "2018", True)]),
        ("Chen et\nal. (2018)", [(("Chen",), "2018", True)]),
        ("# as Chen et al.\n    # [2018] have it", [(("Chen",), "2018", True)]),
        ("Kim &amp; Mnih\n2018", [(("Kim", "Mnih"), "2018")]),
        ("Hyvärinen & Pajunen 1999", [(("Hyvarinen", "Pajunen"), "1999")]),
        (r"Hyv{\"a}rinen & Pajunen 1999", [(("Hyvarinen", "Pajunen"), "1999")]),
        (r"Rol\'{\i}nek et al. 2019", [(("Rolinek",), "2019", True)]),
        (r"Mikul\'a\v{s} 2019", [(("Mikulas",), "2019")]),
        ("Miller–Madow 1955", [(("Miller", "Madow"), "1955")]),
        ("Ben-David & McAllester 2003", [(("Ben-David", "McAllester"), "2003")]),
        ("(van den Oord et al. 2017)", [(("van den Oord",), "2017", True)]),
        ("Shao et al. 2020 and 2020b.", [(("Shao",), year, True) for year in ("2020", "2020b")]),
        ("Chen et al. (2017, 2018)", [(("Chen",), year, True) for year in ("2017", "2018")]),
        ("Chen et al. 2018 and 2000 pictures", [(("Chen",), "2018", True)]),
        ("Comon 1994; Kim & Mnih 2018", [(("Comon",), "1994"), (("Kim", "Mnih"), "2018")]),
        ("Comon 1994 and Burda et al. 2016", [(("Comon",), "1994"), (("Burda",), "2016", True)]),
    ],
)
def test_a_citation_is_found_however_it_is_written(text, found):
    assert citations(text) == [Citation(*one) for one in found]


@pytest.mark.parametrize(
    "text",
    ["Reported in 2019.", "In 2019 again", "August 2025", "in February\n2021", "May 2018",
     "NeurIPS 2018", "ICML 2020", "Neural Information Processing Systems 1987", "version 2020",
     "Exercise 2018", "Step 2000", "ControlVAE 2020", "Adam, 2000 steps", "steps=2000",
     "Chen et al. find 2018 of them", "Kim 2018.5", "Kim 2,000 times", "Kim 20180", "Kim 1500",
     "posts/2018-08-12-vae", "Cover & Thomas"],
)  # fmt: skip
def test_what_is_no_citation_is_not_taken_for_one(text):
    assert citations(text) == []


def test_a_citation_means_the_entry_with_all_of_its_names():
    item = "- Kim, H.-J., Ó Mnih, A. B. & Li, C. (2018). *A title.* ICML. [arXiv:1802.05983](x)"
    three = entry(item)
    assert three.authors == ("Kim", "O Mnih", "Li")
    assert three.is_meant_by(Citation(("Kim", "O Mnih", "Li"), "2018"))
    assert three.is_meant_by(Citation(("Kim",), "2018", et_al=True))

    # Another year, too few names, and an "et al." for one other author.
    assert not three.is_meant_by(Citation(("Kim",), "2019", et_al=True))
    assert not three.is_meant_by(Citation(("Kim",), "2018"))
    assert not three.is_meant_by(Citation(("Kim", "Li"), "2018"))
    two = three._replace(authors=("Kim", "Li"))
    assert not two.is_meant_by(Citation(("Kim",), "2018", et_al=True))
