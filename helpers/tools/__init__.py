"""What no notebook imports: talks, the site, copies of the notebooks, the homework of a class."""
