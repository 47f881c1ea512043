"""The one error that a person using the project can mend."""


class InputError(ValueError):
    """Bad input: a file, flag or value that the user gave.

    The message names what was given, what was expected and what to do. The scripts print it without a traceback and exit
    with code 1; every other exception is a defect of the project and keeps its traceback.
    """
