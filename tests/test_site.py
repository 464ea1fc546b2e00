"""The web site of `make site`: what is recorded fits the notebooks, and in a browser it all works.

A browser opens the pages from the disk, and some from a server on this machine.
"""

import functools
import http.server
import threading
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
import torch
from bs4 import BeautifulSoup

import run_notebooks
from helpers import DATA, questions, training
from helpers.tools import talks
from helpers.tools.alive import frames, models
from helpers.tools.cells import calls
from run_notebooks import ROOT, code_cells
from test_browser import browser, need  # noqa: F401  (a fixture)

NAMES = [p.relative_to(ROOT).with_suffix("").as_posix() for p in run_notebooks.notebooks()]
TEXTS = ["index", "models", "GUIDE", "CHANGELOG", "CONTRIBUTING", "data/CARDS", "data/README"]
TEXTS += ["notebooks/FORMULAS", "notebooks/LECTURES", "notebooks/REFERENCES"]
TEXTS += ["notebooks/homework/GRADING", "notebooks/talks/BOARD", "notebooks/talks/SYLLABUS"]
MEGABYTES = 40  # of the whole site
OF_A_PAGE = 4  # before what comes into view later
NARROW = {"width": 390, "height": 844}
SCREEN = {"width": 1366, "height": 768}


def sources(path: Path) -> list[str]:
    return [cell.source for cell in code_cells(nbformat.read(path, as_version=4))]


def widgets(path: Path) -> dict[str, str]:
    """The key of each widget of a notebook, and the source of its cell."""
    keys = {}
    for source in sources(path):
        for call in calls(source, "explore"):
            keys[next(k.value.value for k in call.keywords if k.arg == "task")] = source
    return keys


# What is recorded, without a browser


@pytest.mark.parametrize("path", run_notebooks.notebooks(), ids=lambda path: path.stem)
def test_every_widget_is_recorded_as_the_notebook_draws_it(path):
    everything = "\n".join(sources(path))
    for key in widgets(path).keys() - models.WIDGETS.keys():
        look, pictures = frames.read(frames.FOLDER / f"{key}.zip")
        again = f"{key} has changed: `make frames` draws it again"

        assert look["code"] in everything, again
        assert {"task": look["task"], "found": look["found"]} == questions.texts(key), again
        assert len(pictures) == max(look["frame"]) + 1


def test_nothing_else_is_recorded():
    known = {key for path in run_notebooks.notebooks() for key in widgets(path)}
    assert {path.stem for path in frames.FOLDER.iterdir()} == known - models.WIDGETS.keys()


@pytest.mark.parametrize("path", sorted(frames.FOLDER.glob("*.zip")), ids=lambda path: path.stem)
def test_a_recorded_task_can_be_done_and_is_not_done_at_the_start(path):
    look = frames.read(path).look

    states, start = 1, 0
    for control in look["controls"]:
        start = start * len(control["values"]) + control["start"]
        states *= len(control["values"])
    assert states == len(look["frame"]) == len(look["reached"])
    assert "1" in look["reached"]
    assert look["reached"][start] == "0"


# In a browser


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    need(talks.installed("myst_nb"), "the extra `site` is not installed")
    from helpers.tools.site import build

    folder = tmp_path_factory.mktemp("site")
    build(folder, "https://github.com/somebody/course")
    return folder


class Visit:
    """A page that is open in the browser; what it asked for and complained of is written down."""

    def __init__(self, browser, address, **options):  # noqa: F811
        self.page = browser.new_page(**({"viewport": SCREEN} | options))
        self.asked, self.errors = [], []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._write_down)
        self.page.goto(address)
        self.page.wait_for_function("document.readyState == 'complete'")
        self.page.evaluate("window.MathJax?.startup?.promise")

    def _write_down(self, message):
        if message.type == "error":
            self.errors.append(message.text)

    def asked_outside(self, own="file:"):
        return [url for url in self.asked if not url.startswith((own, "data:", "blob:"))]


WRONG = """() => {
  const wrong = [];
  const say = (what, e) => wrong.push(`${what}: ${e.outerHTML.slice(0, 120)}`);
  if (document.querySelectorAll("article h1").length != 1) wrong.push("not one title");

  let level = 1;
  for (const e of document.querySelectorAll("article :is(h1, h2, h3, h4)")) {
    if (e.tagName[1] > level + 1) say("a level is left out", e);
    level = Number(e.tagName[1]);
  }
  for (const e of document.querySelectorAll("article img:not(.over)")) {
    if (e.alt.length < 20) say("no text", e);
  }
  for (const e of document.querySelectorAll("[data-mml-node=merror]")) say("not typeset", e);
  for (const e of document.querySelectorAll("article .math")) {
    if (!e.querySelector("mjx-container")) say("not typeset", e);
  }
  for (const e of document.querySelectorAll("article div.math")) {
    // What sticks out on the left could never be scrolled to.
    const left = Math.min(...[...e.querySelectorAll("use")].map(
      glyph => glyph.getBoundingClientRect().left).filter(Number.isFinite));
    if (e.checkVisibility() && left < e.getBoundingClientRect().left - 1) say("cut on the left", e);
  }
  const text = document.querySelector("article").cloneNode(true);
  for (const e of text.querySelectorAll("pre, code, mjx-container, script")) e.remove();
  const raw = text.textContent.match(/\\$\\$|\\\\\\(|\\*\\*|<!--|\\]\\(/);
  if (raw) wrong.push(`raw text: ${raw[0]}`);
  for (const e of document.querySelectorAll("input, select")) {
    if (!(e.labels?.length || e.ariaLabel || e.closest("form[role=search], search, dialog"))) {
      say("no name", e);
    }
  }
  return wrong;
}"""

# What sticks out of the page to the right, and cannot be scrolled to where it stands.
STICKS_OUT = "document.documentElement.scrollWidth - document.documentElement.clientWidth"

PICTURES = """async () => {
  const broken = [];
  for (const e of document.querySelectorAll("article img")) {
    e.loading = "eager";
    await e.decode().catch(() => broken.push(e.src));
  }
  return broken;
}"""


@pytest.mark.browser
@pytest.mark.parametrize("name", [*TEXTS, *NAMES])
def test_every_page_is_whole_wide_and_narrow_and_asks_nobody(browser, site, name):  # noqa: F811
    visit = Visit(browser, (site / f"{name}.html").as_uri())

    assert visit.page.evaluate(WRONG) == []
    assert visit.page.evaluate(PICTURES) == []
    assert visit.page.evaluate(STICKS_OUT) <= 0
    visit.page.set_viewport_size(NARROW)
    assert visit.page.evaluate(STICKS_OUT) <= 0

    assert visit.errors == []
    assert visit.asked_outside() == []
    visit.page.close()


@pytest.mark.browser
@pytest.mark.parametrize("name", NAMES)
def test_every_widget_moves_by_keyboard_and_every_question_answers(browser, site, name):  # noqa: F811
    visit = Visit(browser, (site / f"{name}.html").as_uri())
    page = visit.page
    page.evaluate("document.querySelectorAll('details.second').forEach(e => e.open = true)")
    page.evaluate("document.querySelectorAll('.pass').forEach(e => e.click())")
    drawn = "e => e.querySelector('.over')?.src ?? e.querySelector('canvas')?.toDataURL()"

    shown = page.query_selector_all(".alive")
    assert len(shown) == len(widgets(ROOT / f"{name}.ipynb"))
    for widget in shown:
        widget.scroll_into_view_if_needed()
        page.wait_for_timeout(300)
        before = widget.evaluate(drawn)
        moved = set()
        for control in widget.query_selector_all("input, select"):
            control.focus()
            for key in ("ArrowLeft", "ArrowUp", "ArrowDown", "ArrowDown"):
                page.keyboard.press(key)
                moved.add(widget.evaluate(drawn))
        assert moved - {before}
        loaded = (
            "e => !e.querySelector('.over') || e.querySelector('.over').decode().then(() => true)"
        )
        assert widget.evaluate(loaded)

    # A vote by keyboard alone; only then the reasons open.
    for form in page.query_selector_all("form.vote"):
        key = form.get_attribute("data-key")
        reasons = page.query_selector(f'.reasons[data-of="{key}"]')
        assert reasons and not reasons.evaluate("e => e.open")
        form.query_selector("input").focus()
        page.keyboard.press("Space")
        form.query_selector("button").focus()
        page.keyboard.press("Enter")
        assert reasons.evaluate("e => e.open")
        assert form.query_selector(".said").inner_text().startswith("You")

    assert visit.errors == []
    assert visit.asked_outside() == []
    page.close()


@pytest.mark.browser
def test_what_answers_a_prediction_waits_for_it(browser, site):  # noqa: F811
    visit = Visit(browser, (site / "notebooks" / "00_start_here.html").as_uri())
    form = visit.page.query_selector("form.vote")
    reasons = f".reasons[data-of='{form.get_attribute('data-key')}']"
    assert not visit.page.is_visible(reasons)

    form.query_selector("input").check()
    form.query_selector("button").click()
    assert visit.page.is_visible(reasons)
    assert not form.query_selector(".pass").is_visible()
    visit.page.close()


@pytest.mark.browser
def test_something_moves_within_five_seconds_without_scrolling(browser, site):  # noqa: F811
    visit = Visit(browser, (site / "index.html").as_uri())
    swap = visit.page.wait_for_selector(".swap.ready")
    drawn = "e => [...e.querySelectorAll('canvas')].map(c => c.toDataURL()).join()"
    before = swap.evaluate(drawn)

    visit.page.wait_for_timeout(4000)
    assert swap.evaluate(drawn) != before
    box = swap.query_selector("figure").bounding_box()
    assert box["y"] + box["height"] < SCREEN["height"]

    # Whoever touches it has it to herself, and an order of hers is drawn.
    visit.page.select_option("[aria-label='first object']", label="pear")
    still = swap.evaluate(drawn)
    assert "pear" in swap.query_selector_all("figcaption")[1].inner_text()
    visit.page.focus("[aria-label='second size']")
    visit.page.wait_for_timeout(3000)
    assert swap.evaluate(drawn) == still
    assert visit.errors == []
    visit.page.close()


@pytest.mark.browser
def test_nothing_moves_for_who_wants_it_still(browser, site):  # noqa: F811
    visit = Visit(browser, (site / "index.html").as_uri(), reduced_motion="reduce")
    swap = visit.page.wait_for_selector(".swap.ready")
    drawn = "e => [...e.querySelectorAll('canvas')].map(c => c.toDataURL()).join()"
    before = swap.evaluate(drawn)
    visit.page.wait_for_timeout(3000)
    assert swap.evaluate(drawn) == before
    visit.page.close()


@pytest.mark.browser
@pytest.mark.parametrize(
    ("name", "weights"),
    [("fruits", "fruits_beta_tcvae_annealed"), ("sprites", "beta_tcvae_annealed")],
)
def test_a_decoder_in_the_page_draws_what_torch_draws(browser, site, name, weights):  # noqa: F811
    model, _ = training.load(DATA / f"{weights}.safetensors")
    codes = torch.randn(5, model.latent_dim, generator=torch.Generator().manual_seed(0))
    expected = model.mean_image(codes).detach().flatten(1)

    visit = Visit(browser, (site / "models.html").as_uri())
    ask = """async ([name, codes]) => {
      const model = await alive.load(name);
      const drawn = codes.map(code => [...alive.decode(model, code)]);
      const start = performance.now();
      for (let i = 0; i < 50; i++) alive.decode(model, codes[0]);
      return { drawn, milliseconds: (performance.now() - start) / 50 };
    }"""
    got = visit.page.evaluate(ask, [name, codes.tolist()])
    assert (torch.tensor(got["drawn"]) - expected).abs().max() < 1e-3
    print(f"{name}: {got['milliseconds']:.1f} ms a picture")
    assert (site / "_static" / "models" / f"{name}.js").stat().st_size <= 1e6
    visit.page.close()


@pytest.mark.browser
def test_every_slider_of_the_models_moves_its_picture(browser, site):  # noqa: F811
    visit = Visit(browser, (site / "models.html").as_uri())
    for widget in visit.page.query_selector_all(".alive.model"):
        widget.scroll_into_view_if_needed()
        visit.page.wait_for_timeout(1500)
        drawn = "e => e.querySelector('canvas').toDataURL()"
        for control in widget.query_selector_all("input"):
            # A closed latent changes nothing, and is called so.
            label = control.evaluate("e => e.labels[0].textContent")
            before = widget.evaluate(drawn)
            control.focus()
            visit.page.keyboard.press("End")
            if "closed" not in label:
                assert widget.evaluate(drawn) != before, label
    visit.page.close()


@pytest.mark.browser
def test_from_a_server_too_it_asks_nobody_else(browser, site):  # noqa: F811
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=site)
    handler.log_message = lambda *_: None
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        for name in ("index", "models", "notebooks/00_start_here"):
            visit = Visit(browser, f"{address}/{name}.html")
            visit.page.wait_for_timeout(500)
            assert visit.asked_outside(address) == []
            assert visit.errors == []
            assert visit.page.context.cookies() == []
            visit.page.close()
        server.shutdown()


@pytest.mark.browser
def test_search_finds(browser, site):  # noqa: F811
    visit = Visit(browser, (site / "search.html").as_uri() + "?q=slackness")
    visit.page.wait_for_selector("#search-results li a")
    found = visit.page.eval_on_selector_all("#search-results li a", "a => a.map(e => e.href)")
    assert any("02_beta_vae" in address for address in found)
    assert visit.errors == []
    assert visit.asked_outside() == []
    visit.page.close()


@pytest.mark.browser
def test_in_the_dark_pages_are_dark_and_figures_keep_their_paper(browser, site):  # noqa: F811
    address = (site / "notebooks" / "02_beta_vae.html").as_uri()
    visit = Visit(browser, address, color_scheme="dark")
    colour = "e => getComputedStyle(e).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)"

    assert max(visit.page.eval_on_selector("body", colour)) < 60
    for paper in ("img.figure", ".picture"):
        assert visit.page.eval_on_selector(paper, colour) == [255, 255, 255]
    visit.page.close()


@pytest.mark.browser
def test_a_link_into_a_folded_section_opens_it(browser, site):  # noqa: F811
    address = (site / "notebooks" / "02_beta_vae.html").as_uri()
    visit = Visit(browser, address)
    inside = visit.page.eval_on_selector(
        "details.second section[id], details.second + *", "e => e.id"
    )
    if not inside:
        inside = visit.page.eval_on_selector("details.second", "e => e.closest('section').id")
    visit.page.goto(f"{address}#{inside}")
    opened = "id => !document.getElementById(id).closest('details:not([open])')"
    assert visit.page.evaluate(opened, inside)
    visit.page.close()


# Its files


@pytest.mark.browser
def test_links_and_anchors_lead_somewhere(site):
    pages = {
        path: BeautifulSoup(path.read_text("utf-8"), "html.parser") for path in site_pages(site)
    }
    ids = {path: {e["id"] for e in soup.select("[id]")} for path, soup in pages.items()}

    broken = []
    for path, soup in pages.items():
        for element in soup.select("a[href], img[src], script[src], link[href]"):
            address = urlsplit(element.get("href") or element.get("src"))
            if address.scheme or address.netloc:
                continue
            target = (path.parent / unquote(address.path)).resolve() if address.path else path
            if not target.exists():
                broken.append(f"{path.relative_to(site)}: {address.path}")
            elif (
                address.fragment and target in ids and unquote(address.fragment) not in ids[target]
            ):
                broken.append(f"{path.relative_to(site)}: #{unquote(address.fragment)}")
    assert broken == []


@pytest.mark.browser
def test_a_page_and_the_whole_site_are_small_enough(site):
    total = sum(file.stat().st_size for file in site.rglob("*") if file.is_file())
    assert total <= MEGABYTES * 1e6

    for path in site_pages(site):
        soup = BeautifulSoup(path.read_text("utf-8"), "html.parser")
        parts = soup.select("script[src], link[rel=stylesheet], img[src]:not([loading=lazy])")
        files = {e.get("src") or e.get("href") for e in parts}
        local = [path.parent / urlsplit(file).path for file in files if not urlsplit(file).scheme]
        size = path.stat().st_size + sum(file.stat().st_size for file in local)
        assert size <= OF_A_PAGE * 1e6, path.name


def site_pages(site: Path) -> list[Path]:
    """The pages, without the decks, which have tests of their own."""
    return [path for path in site.rglob("*.html") if not {"slides", "_static"} & set(path.parts)]
