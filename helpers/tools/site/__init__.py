"""The series as a web site that needs no server, no network and no kernel: `make site`.

The committed notebooks stay the only source. `pages` makes of each what Sphinx can show, with
myst-nb and a book theme; what moves and answers on them is in `helpers.tools.alive`, and the talks
are in `helpers.tools.talks`.

`python -m helpers.tools.site [address of this repository]` writes the folder site/.
"""

from helpers.tools.site.build import build

__all__ = ["build"]
