r"""Talks: a deck of slides a lecture, which needs no network: `make slides`, and `make pdf`.

A talk is one short file of Markdown in notebooks/talks/. It names the figures, equations, tables
and numbers of the notebooks; none stands in it, so a changed notebook changes the slide.

    # The talk's title
    What stands on the title slide.
    <!-- notes: 1 minute. What the speaker says. Ask: …? Answer: … -->

    ## A part of the talk
    ### The title of a slide, one idea {late split}
    Words, and then, alone on a line, what is named:

    ![An equation, line by line](equation:1.6)

- `![lines](equation:1.6)` is the equation with this tag; "lines" builds an aligned one row by row.
  One without a tag is named by a part of it, `![\mathrm{MIG}](equation:06)`.
- `![The beginning of its text](figure:04)` is a figure of notebook 04; so is `table:`, by the
  beginning of its caption, and `code:`, by the name that is defined. `![Text](../drawings/vae.svg)`
  is a drawing.
- `![](vote:04.turn)` asks a question of helpers/questions, `![](answer:04.turn)` gives its answer;
  the reasons of the wrong options go to the speaker. `![](widget:04.corner)` moves.
- `{{04 MIG of ([\d.]+)}}` is a number that the notebook shows, found by a regular expression with
  one group, and `{{results vae mig}}` the mean over the seeds that results.json has.
- A list of `+` is built item by item; `![](outline:)` lists the parts.
- Every slide ends with its notes, which begin with its minutes. {late}: it can be skipped when time
  is short. {split}: words on the left, the picture on the right.

`python -m helpers.tools.talks` writes the decks into slides/, `… pdf` prints them, and
`… 04` lists what a talk can name of notebook 04.
"""

from helpers.tools.talks.deck import Slide, Talk, read
from helpers.tools.talks.export import HEIGHT, TALKS, WIDTH, build, installed, print_pdf

__all__ = [
    "HEIGHT",
    "TALKS",
    "WIDTH",
    "Slide",
    "Talk",
    "build",
    "installed",
    "print_pdf",
    "read",
]
