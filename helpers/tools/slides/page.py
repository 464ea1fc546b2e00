"""How large the page of a slide is and what fits on it, in step with `slides.html.j2`."""

# Pixels of a projector; reveal.js scales a slide to any other.
WIDTH, HEIGHT = 1280, 720

# Pixels from top to bottom: the grey line that repeats a heading, a heading in its own place, a
# drawing, and the room that is left below the grey line.
TOPIC = 62
HEADING = 84
DRAWING = 340
ROOM = 588

# A line of text: its pixels, and how many letters it holds.
LINE = 41
LETTERS = 84

# Lines of code and of print that the back row still takes in, and how many letters a line of print
# holds in its usual size.
CODE_LINES = 15
PRINTED_LINES = 13
PRINTED_LETTERS = 88


def rows(letters: int, letters_a_row: float) -> float:
    """How many rows so many letters fill: the quotient, rounded up."""
    return -(-letters // letters_a_row)
