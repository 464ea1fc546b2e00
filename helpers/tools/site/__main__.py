"""Write the site into site/: `python -m helpers.tools.site [address of this repository]`."""

import sys
from collections.abc import Sequence

from helpers.tools.site.build import ROOT, build


def main(arguments: Sequence[str]) -> None:
    """Write the site, and say where it is and how large."""
    folder = ROOT / "site"
    build(folder, *arguments)
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    print(f"{size / 1e6:.0f} MB. Open {folder.name}/index.html in a browser.")


if __name__ == "__main__":
    main(sys.argv[1:])
