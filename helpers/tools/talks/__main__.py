"""Write the decks into slides/, print them, or list what a talk can name of a notebook.

`python -m helpers.tools.talks [pdf | number of a notebook]`
"""

import sys
from collections.abc import Sequence

from helpers.tools.talks.export import ROOT, build, print_pdf
from helpers.tools.talks.named import inventory


def main(arguments: Sequence[str]) -> None:
    """Do what the argument says; without one write the decks, with a line for each."""
    if arguments and arguments[0] != "pdf":
        print("\n".join(inventory(arguments[0])))
        return

    folder = ROOT / "slides"
    decks = build(folder)
    for deck in decks:
        where = f"{folder.name}/{deck.file.name}"
        print(f"{where:<26}{len(deck.talk.slides):>4} slides{deck.talk.minutes:>6g} minutes")

    if arguments:
        for file in print_pdf([deck.file for deck in decks] + [folder / "formulas.html"]):
            print(f"{folder.name}/{file.name}", flush=True)
    else:
        print("Open one in a browser. S opens the speaker's view.")


if __name__ == "__main__":
    main(sys.argv[1:])
