"""The series as a web site that needs no server, no network and no kernel: `make site`.

The committed notebooks stay the only source. `pages` makes of each what Sphinx can show, with
myst-nb and a book theme; `parts` writes what moves and answers, and `static/alive.js` brings it to
life:

- A widget moves by pictures that were drawn beforehand, one for each state (`frames`, and
  `make frames`, which executes the notebooks to draw them).
- A question is answered before its reasons open.
- Two decoders run in the page itself (`models`).

`python -m helpers.tools.site [address of this repository]` writes the folder site/.
"""

from helpers.tools.site.build import build

__all__ = ["build"]
