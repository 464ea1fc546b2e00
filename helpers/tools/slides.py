"""Every notebook as a deck of slides that needs no network: `make slides`, or python -m helpers.slides [names].

The notebook stays the only source. `deck` turns it into a notebook of slides by the rules below, nbconvert's own
SlidesExporter turns that into reveal.js, and `slides.html.j2` says how a slide looks. The rules:

- A heading starts a slide: H2 goes to the right, everything else down. An equation stays with the sentence that leads
  to it, and gets a tick where its `verify` held. A figure has a slide with the sentence that reads it.
- A long paragraph is cut to its first sentences and its bold ones; all of it goes to the speaker's notes, and so do
  remarks in brackets and claims. Answers stand on a slide of their own.
- Code is shown where it defines something that helpers/ has under the same name, and where its cell is tagged
  `show-code`. The rest keeps its outputs. What is for readers only (READERS) is left out.
- A section ends its heading's cell with <!-- notes: 6 minutes. Ask: … -->, which becomes the speaker's notes. With
  0 minutes it is to be read at home and marked so.
- Jupyter's slide types skip, slide, subslide and notes win over these rules.
"""

import re
import shutil
import struct
import sys
from base64 import b64decode
from dataclasses import dataclass, field
from html import escape
from importlib.util import find_spec
from pathlib import Path

import nbformat
from nbconvert import SlidesExporter
from nbformat import v4

HERE = Path(__file__).resolve().parent
WIDTH, HEIGHT = 1280, 720                       # of a projector; a slide is scaled to any other
TOPIC, HEADING, ROOM = 62, 84, 588              # pixels of the grey line, of a heading in its place, and below them
LINE, LETTERS = 41, 84                          # of text: pixels, letters
CODE_LINES, PRINTED_LINES, PRINTED_LETTERS = 15, 13, 88
READERS = re.compile(r"closed|exercises|symbols|from symbol|notation|the formula sheet|in the papers|where it stands|"
                     r"what to read|read next|the map", re.IGNORECASE)
NOTES = re.compile(r"<!-- notes: (\d+) minutes?\b(.*?)-->", re.DOTALL)
DETAILS = re.compile(r"<details><summary>(.*?)</summary>(.*?)</details>", re.DOTALL)
PRINTED = {"verified": r"\(([^)]*)\) holds", "claim": r"claim holds: |.*\bagrees? with\b", "predict": r"Predict: ",
           "option": r"  [A-F]  ", "chosen": r"You expected "}


@dataclass
class Slide:
    """What stands on one slide, from top to bottom; how many pixels that takes; what only the speaker sees."""
    topic: str                                  # the heading that it belongs to
    heading: str                                # what stands at its head in grey: the topic, if not its own first slide
    first: bool = False                         # of its section
    cells: list = field(default_factory=list)
    used: float = 0
    notes: list = field(default_factory=list)
    picture: dict = None                        # an output, drawn as large as the text beside it allows
    caption: bool = False                       # no sentence has been found that reads the picture
    closed: bool = False                        # nothing may be added: a question to the class, its answer

    def add(self, cell, pixels):
        self.cells.append(cell)
        self.used += pixels


def minutes(notebook):
    """Pairs of an H2 (or H1) heading and the note of its section, a match of NOTES or None."""
    found = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            found += [[heading, None] for heading in re.findall(r"^##? (.*)$", cell.source, re.MULTILINE)]
            if note := NOTES.search(cell.source):
                found[-1][1] = note
    return found


def blocks(text):
    """The paragraphs, lists, tables, displayed equations, fences and answers of a markdown cell, in order."""
    pattern = r"<details>.*?</details>|```.*?```|\$\$.*?\$\$[.,;]?|(?:(?!\n\s*\n|\$\$|<details>|```).)+"
    return [b.strip() for b in re.findall(pattern, text, re.DOTALL) if b.strip()]


def kind(block):
    for name, start in (("equation", "$$"), ("heading", "#"), ("answer", "<details>"), ("code", "```"), ("table", "|")):
        if block.startswith(start):
            return name
    return "list" if re.match(r"[-*] |\d+\. ", block) else "prose"


def letters(text):
    """How many letters wide a text is when it is typeset: roughly."""
    text = re.sub(r"\]\([^)]*\)|<[^>]*>", "", text)
    text = re.sub(r"\\(?:mathbb|mathrm|mathcal|operatorname|text|big|Big|left|right|,|;|!)|[{}$*`\\^_]", "",
                  re.sub(r"\\[a-zA-Z]{3,}", "x", text))
    return len(text)


def height(block):
    """Pixels that a block takes, roughly."""
    if kind(block) == "equation":
        rows = 1 + block.count(r"\\") + block.count("\\underbrace") / 2 + block.count("\\sum") / 6
        return 34 + 62 * rows
    if kind(block) == "table":
        rows = [row.strip("|").split("|") for row in block.splitlines() if not set(row) <= set("|-: ")]
        widths = [max(map(letters, column)) for column in zip(*rows)]
        share = [max(12, w * min(1, 92 / sum(widths))) for w in widths]
        return 20 + sum(16 + 34 * max(-(-letters(c) // s) for c, s in zip(row, share)) for row in rows)
    if kind(block) == "heading":
        return HEADING
    items = re.split(r"\n(?=[-*] |\d+\. )", block) if kind(block) == "list" else [block]
    return 16 + sum(LINE * -(-letters(item) // LETTERS) for item in items) + 8 * (len(items) - 1)


def sentences(text):
    return re.split(r"(?<=[.!?:])\s+(?=[A-Z“*])", text)


def condensed(text, words=48):
    """The first sentences of a paragraph, its bold ones, and its last one if that leads to what follows."""
    parts = [part for part in sentences(text) if not re.search(r"\bcells?\b", part)]
    text = " ".join(parts)
    if len(text.split()) <= 1.45 * words or len(parts) < 2:
        return text
    kept, so_far = [], 0
    for i, part in enumerate(parts):
        count = len(part.split())
        lead = i == len(parts) - 1 and part.endswith(":")
        if so_far + count <= words or i == 0 or "**" in part or lead:
            if kept and kept[-1] != i - 1:
                kept.append(None)
            kept.append(i)
        so_far += count
    if len([k for k in kept if k is not None]) == len(parts):
        return text
    return " ".join("…" if k is None else parts[k] for k in kept) + (" …" if kept[-1] != len(parts) - 1 else "")


def squeezed(lines):
    """Printed lines without the columns of blanks that say nothing, so that they can be printed larger."""
    lines = [line.rstrip() for line in lines]
    width = max(map(len, lines), default=0)
    blank = [all(line[i:i + 1].strip() == "" for line in lines) for i in range(width)]
    keep = [i for i in range(width) if not (blank[i] and i >= 2 and blank[i - 1] and blank[i - 2])]
    return ["".join(line[i] for i in keep if i < len(line)) for line in lines]


def taught(source, names):
    """The functions and classes in a cell that helpers/ knows under the same name, as source."""
    parts = re.split(r"\n(?=\S)", source)
    joined = []
    for part in parts:                          # a decorator belongs to what it decorates
        if joined and joined[-1].startswith("@"):
            joined[-1] += "\n" + part
        else:
            joined.append(part)
    shown = [p.rstrip() for p in joined if (m := re.search(r"^(?:def|class) (\w+)", p, re.MULTILINE)) and m[1] in names]
    return "\n\n\n".join(p for p in shown if not re.search(r"\bplt\.|axes|figure", p))


def bare(source):
    """A cell's source without the calls that check and print."""
    return re.sub(r"^(?:verify|claim|assert|print)\b.*(?:\n[ )].*)*\n?", "", source, flags=re.MULTILINE).strip()


def known_names():
    return {name for path in HERE.glob("*.py") for name in re.findall(r"^(?:def|class) (\w+)", path.read_text(), re.MULTILINE)}


def scale(slide):
    """Make a slide's picture as large as the text beside it allows; where no sentence reads it, its description does."""
    meta = slide.picture.metadata["image/png"]
    if slide.caption:
        caption = condensed(meta["alt"], 30)
        slide.add(v4.new_markdown_cell(escape(caption, quote=False)), height(caption))
    wide, high = struct.unpack(">II", b64decode(slide.picture.data["image/png"])[16:24])
    factor = min((WIDTH - 100) / wide, (ROOM - slide.used) / high, 2.2)
    meta.update(width=int(wide * factor), height=int(high * factor))


def emphasised(text):
    return re.sub(r"\*(\w+)\*", r"<em>\1</em>", escape(text))


def in_rows(equation):
    """A wide equation that consists of several, one below the other."""
    inside = equation.strip("$.,; \n")
    if "\\qquad" not in inside or letters(inside) < 72 or "\\begin" in inside:
        return equation
    tag = re.search(r"\s*\\tag\{[^}]*\}", inside)
    inside = inside.replace(tag[0], "") if tag else inside
    rows = re.sub(r"(?<!:)\s*\\qquad\s*", r" \\\\[6pt] ", inside)
    return f"$$\\begin{{gathered}}{rows}\\end{{gathered}}{tag[0] if tag else ''}$$"


class Deck:
    """Builds the slides of one notebook, cell by cell."""

    def __init__(self, notebook):
        self.slides, self.section, self.title = [], "", ""
        self.reading, self.names = None, known_names()
        printed = [line for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs
                   if output.output_type == "stream" for line in output.text.splitlines()]
        self.holds = {m[1]: line.replace(" holds:", "").replace("==", "=").replace("<=", "≤") for line in printed
                      if (m := re.match(PRINTED["verified"], line))}
        for cell in notebook.cells:
            asked = cell.metadata.get("slideshow", {}).get("slide_type", "-")
            if asked == "skip":
                continue
            if asked == "notes":
                self.slides[-1].notes.append(cell.source)
            elif cell.cell_type == "markdown":
                self.markdown(cell.source, fresh=asked in ("slide", "subslide"))
            elif cell.cell_type == "code" and not READERS.match(self.section) and "doctor()" not in cell.source:
                self.code(cell)
        self.join()
        for slide in self.slides:
            if slide.picture:
                scale(slide)

    # Slides

    def new(self, heading=None, first=False):
        self.slides.append(Slide(heading or self.title, self.title if heading is None else heading, first))
        return self.slides[-1]

    def text(self, block):
        self.slides[-1].add(v4.new_markdown_cell(block), height(block))

    def room(self, pixels):
        """A slide that still has so much room: the last one, or a new one."""
        slide = self.slides[-1]
        if slide.closed or slide.picture is not None or slide.cells and slide.used + pixels > ROOM:
            slide = self.new()
        return slide

    def join(self):
        """Let a slide with little on it go with the next one of its section, or with the one before."""
        kept = []
        for slide in filter(lambda s: s.cells, self.slides):
            last = kept[-1] if kept else None
            free = last and slide.heading == last.topic and not any(s.closed or s.picture for s in (last, slide))
            if free and last.used + slide.used <= ROOM and min(last.used, slide.used) < 4 * LINE:
                last.cells += slide.cells
                last.used += slide.used
                last.notes += slide.notes
            else:
                kept.append(slide)
        self.slides = kept

    # Text

    def markdown(self, source, fresh):
        note = NOTES.search(source)
        source = re.sub(r"<!--.*?-->", "", source, flags=re.DOTALL)
        source = re.sub(r"^\*\((\d+) minutes[^)]*\)\*\s*", "", source, flags=re.MULTILINE)   # for readers, not for a class
        source = re.sub(r"\]\((\w+)\.ipynb\)", r"](\1.slides.html)", source)
        source = re.sub(r"\[([^\]]*)\]\(#[^)]*\)", r"\1", source)
        queue, pending = blocks(source), []
        if self.reading is not None and not self.reading.caption:
            self.reading = None
        if not queue:
            return
        starts_new = kind(queue[0]) != "heading" and self.reading is None and self.slides and self.slides[-1].cells
        if fresh or starts_new and (sum(map(height, queue)) > 3.5 * LINE or len(queue) > 1):
            if not READERS.match(self.section):
                self.new()
        for block, after in zip(queue, queue[1:] + [""]):
            what = kind(block)
            if what == "heading":
                self.flush(pending)
                self.heading(block)
            elif READERS.match(self.section):
                continue
            elif what == "prose":
                self.prose(block, after, pending)
            elif what == "answer":
                self.flush(pending)
                summary, answer = DETAILS.match(block).groups()
                self.new(heading=summary.strip())
                for part in blocks(answer):
                    self.block(part)
            else:
                self.block(block, pending)
                pending = []
        self.flush(pending)
        if note and self.slides:
            first = next(s for s in reversed(self.slides) if s.first)
            when = "At home" if note[1] == "0" else f"{note[1]} minutes"
            first.notes.insert(0, f"**{when}**{note[2].rstrip()}")
            first.cells[0].source += '\n\n<p class="home">to read at home</p>' if note[1] == "0" else ""

    def heading(self, block):
        level, self.title = len(block.split(" ")[0]), block.lstrip("# ")
        self.reading = None
        if level <= 2:
            self.section = self.title
        if not READERS.match(self.section):
            slide = self.new(heading="", first=level <= 2)
            self.text("#" * level + " " + self.title)
            slide.used = (HEADING if level > 1 else 190) - TOPIC + 52 * (letters(self.title) // 52)

    def prose(self, block, after, pending):
        if re.match(r"\*\*(You need|Time)\b", block):
            return
        if re.match(r"\((?!\d\.|\w\))", block) and block.endswith(")"):
            self.slides[-1].notes.append(block)
            return
        leads = after != "" and kind(after) in ("equation", "list", "table")
        short = block if leads and kind(after) == "equation" and len(block.split()) < 75 else condensed(block)
        if not short:
            self.slides[-1].notes.append(block)
            return
        if short != block:
            self.slides[-1].notes.append(block)
        reader = self.reading
        if reader is not None and not leads and reader.used + height(short) <= 5.4 * LINE:
            reader.caption = False
            reader.add(v4.new_markdown_cell(short), height(short))
            if short != block and self.slides[-1] is not reader:
                reader.notes.append(self.slides[-1].notes.pop())
            return
        pending.append(short)
        if not leads:
            self.flush(pending)

    def flush(self, pending):
        for block in pending:
            self.block(block)
        pending.clear()

    def block(self, block, before=()):
        """Put a block on the last slide or on a new one, together with the paragraphs that lead to it."""
        self.reading = None
        block = in_rows(block) if kind(block) == "equation" else block
        tags = [t for t in re.findall(r"\\tag\{([^}]*)\}", block) if t in self.holds]
        need = height(block) + 40 * len(tags)
        lead = sum(map(height, before))
        if kind(block) == "list" and need > ROOM - self.slides[-1].used - lead:
            items = re.split(r"\n(?=[-*] |\d+\. )", block)
            if need + lead > ROOM and len(items) > 1:
                half = len(items) // 2
                self.block("\n".join(items[:half]), before)
                self.block("\n".join(items[half:]))
                return
        self.room(need + lead if need + lead <= ROOM else need)
        for paragraph in before:
            self.text(paragraph)
        if self.slides[-1].used + need > ROOM and before and len(self.slides[-1].cells) > 1:
            self.new()
        self.text(block)
        for tag in tags:
            self.slides[-1].add(v4.new_markdown_cell(f'<p class="holds">✓ {escape(self.holds[tag])}</p>'), 40)

    # Code and what it printed and drew

    def code(self, cell):
        tagged = set(cell.metadata.get("tags", []))
        shown = bare(cell.source) if "show-code" in tagged else taught(cell.source, self.names)
        lines = len(shown.splitlines())
        if shown and lines <= CODE_LINES:
            pixels = 40 + 33 * lines
            self.room(pixels).add(v4.new_code_cell(shown), pixels)
            self.reading = None
        for output in cell.outputs:
            if output.output_type == "stream" and "hide-output" not in tagged:
                self.printed(output.text)
            elif "image/png" in output.get("data", {}):
                self.figure(output)

    def figure(self, output):
        slide = self.slides[-1]
        beside = slide.used - (HEADING - TOPIC) * (not slide.heading)
        if slide.closed or slide.picture or beside > 4.8 * LINE:
            slide, beside = self.new(), 0
        slide.picture, slide.caption = output, beside < 1.6 * LINE
        slide.add(v4.new_code_cell("", outputs=[output]), 0)
        self.reading = slide if slide.caption else None

    def printed(self, text):
        groups = []
        for line in text.splitlines():
            what = next((name for name, start in PRINTED.items() if re.match(start, line)), "table")
            what = "predict" if what == "option" and groups and groups[-1][0] == "predict" else what
            if groups and groups[-1][0] == what:
                groups[-1][1].append(line)
            else:
                groups.append((what, [line]))
        for what, lines in groups:
            if what == "predict":
                self.options("Predict", lines[0][9:], [("", line[5:]) for line in lines[1:]])
            elif what == "option":
                right = next(line[2] for line in lines if line[5:].startswith("right"))
                self.options(f"The answer: {right}", "", [tuple(line[5:].split(": ", 1)) for line in lines])
            elif what == "claim":
                self.slides[-1].notes.append("\n".join(f"- {line}" for line in lines))
            elif what == "table":
                self.table(lines)

    def options(self, heading, question, answers):
        """A question to the class, below its section's heading if that has little else to say; or the answer to it."""
        slide = self.slides[-1]
        if not question or slide.closed or slide.picture or not slide.first or slide.used > 4.2 * LINE:
            slide = self.new(heading=heading)
        items = "".join(f'<li class="{which}">{emphasised(text)}</li>' for which, text in answers)
        slide.add(v4.new_markdown_cell(f'<p class="question">{emphasised(question)}</p><ol class="options">{items}</ol>'), 0)
        slide.closed = True
        if question:
            self.reading = None

    def table(self, lines):
        lines = squeezed(line for line in lines if line.strip())
        if len(lines) > PRINTED_LINES:
            lines = lines[:PRINTED_LINES - 1] + ["…"]
        if not lines:
            return
        letters_wide = max(map(len, lines))
        rows = sum(-(-len(line) // PRINTED_LETTERS) for line in lines)
        reading, self.reading = self.reading, None
        slide = self.slides[-1]
        if reading is slide and rows <= 2 and slide.used < 60:
            self.reading = reading                  # one or two numbers may stand under a figure
        else:
            slide = self.room(30 + 34 * rows)
        slide.add(v4.new_code_cell("", outputs=[v4.new_output("stream", name="stdout", text="\n".join(lines))]),
                  30 + 34 * rows)
        if PRINTED_LETTERS < letters_wide <= 104 and len(lines) > 1:
            slide.cells[-1].metadata.tags = ["wide"]


def deck(notebook):
    """A notebook whose cells are slides, from a notebook: see the rules above."""
    cells = []
    for slide in Deck(notebook).slides:
        if not slide.cells:
            continue
        if slide.heading:
            slide.cells.insert(0, v4.new_markdown_cell(f'<p class="running">{escape(slide.heading, quote=False)}</p>'))
        slide.cells[0].metadata.slideshow = {"slide_type": "slide" if slide.first else "subslide"}
        cells += slide.cells
        if slide.notes:
            cells.append(v4.new_markdown_cell("\n\n".join(slide.notes), metadata={"slideshow": {"slide_type": "notes"}}))
    return v4.new_notebook(cells=cells, metadata=notebook.metadata)


def html(path):
    """The deck of a notebook file as one page, which looks for reveal.js and MathJax in the folders beside it."""
    exporter = SlidesExporter(raw_template=(HERE / "slides.html.j2").read_text(), reveal_url_prefix="reveal.js",
                              reveal_theme="white", reveal_transition="none", reveal_number="c/t",
                              reveal_width=str(WIDTH), reveal_height=str(HEIGHT), exclude_input_prompt=True,
                              exclude_output_prompt=True)
    exporter.config.CSSHTMLHeaderPreprocessor.style = "default"
    notebook = nbformat.read(path, as_version=4)
    title = re.search(r"^# (.*)", notebook.cells[0].source)[1]
    page, _ = exporter.from_notebook_node(deck(notebook), resources={"metadata": {"name": title}})
    return page


def copy_libraries(folder):
    """reveal.js and MathJax, as two PyPI packages carry them."""
    found = [find_spec("sphinx_revealjs"), find_spec("mathjax")]
    if None in found:
        sys.exit("reveal.js and MathJax are missing: install this package with its extra `slides`, as `make slides` does")
    reveal, mathjax = (Path(spec.submodule_search_locations[0]) for spec in found)
    shutil.copytree(reveal / "_static" / "revealjs", folder / "reveal.js", dirs_exist_ok=True,
                    ignore=shutil.ignore_patterns("*.map", "*.esm.js", "*.scss"))
    (folder / "mathjax").mkdir(exist_ok=True)
    shutil.copy(mathjax / "static" / "mathjax" / "es5" / "tex-svg-full.js", folder / "mathjax")


def build(folder, names=()):
    """Write the decks of the notebooks with one of these names in theirs, or of all: (file, slides, minutes) of each."""
    folder.mkdir(exist_ok=True)
    copy_libraries(folder)
    for path in sorted((HERE.parent / "notebooks").glob("*.ipynb")):
        if not names or any(name in path.stem for name in names):
            page = html(path)
            file = folder / f"{path.stem}.slides.html"
            file.write_text(page, encoding="utf-8")
            notes = [note for _, note in minutes(nbformat.read(path, as_version=4)) if note]
            yield file, len(re.findall(r"</section>(?!\s*</section>)", page)), sum(int(note[1]) for note in notes)


def main(names):
    for file, slides, total in build(HERE.parent / "slides", names):
        print(f"slides/{file.name:<34}{slides:>4} slides{total:>4} minutes", flush=True)
    print("Open one in a browser. S opens the speaker's view, and ?print-pdf after .html lays the deck out for printing.")


if __name__ == "__main__":
    main(sys.argv[1:])
