"""Insects painted by the project itself, the data set that needs no download."""
