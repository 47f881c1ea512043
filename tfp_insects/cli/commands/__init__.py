"""The commands: a file of flags and one call for each.

A file's name is the command's name, its docstring the command's help, its first line the command's line in the list of all.
Importing a file defines its flags, so a process imports one of them. What needs TensorFlow is imported inside `main`.
"""
