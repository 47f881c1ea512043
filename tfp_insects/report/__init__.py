"""A page that answers the study's questions from the records of its runs."""
