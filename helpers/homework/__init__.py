"""The exercises of notebooks/homework: checks that diagnose, hints, solutions, questions.

The modules hw1_elbo … hw4_metrics hold the references and the known wrong answers. To learn, write
first and read them later.
"""

from helpers.homework.controls import (
    check,
    exercises,
    hint,
    inputs,
    panel,
    points,
    quiz,
    require,
    solution,
    yours_or_reference,
)

__all__ = [
    "check",
    "exercises",
    "hint",
    "inputs",
    "panel",
    "points",
    "quiz",
    "require",
    "solution",
    "yours_or_reference",
]
