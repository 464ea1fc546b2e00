"""What a teaching assistant does with a class; `python -m helpers.tools.course` calls it.

`collecting` places what was handed in, `prechecks` reads it, `marking` runs it, and `results` says
what each student gets, from which `feedback` and `grades` are written.
"""
