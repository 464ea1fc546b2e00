"""Write the decks into slides/: `python -m helpers.tools.slides [names]`."""

import sys
from collections.abc import Sequence

from helpers.tools.slides.export import ROOT, build


def main(names: Sequence[str]) -> None:
    """Write the decks of the notebooks with one of these names in theirs, and a line for each."""
    folder = ROOT / "slides"
    for deck in build(folder, names):
        where = f"{folder.name}/{deck.file.name:<34}"
        print(f"{where}{deck.slides:>4} slides{deck.minutes:>4} minutes", flush=True)

    print(
        "Open one in a browser. S opens the speaker's view, "
        "and ?print-pdf after .html lays the deck out for printing."
    )


if __name__ == "__main__":
    main(sys.argv[1:])
