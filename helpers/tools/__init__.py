"""What no notebook imports: the lecturer's copies of the homework, and the slides."""
