"""The one error that a person using the project can mend."""


class InputError(ValueError):
    """Bad input: a file, field or value that the user gave.

    The message names what was given, what was expected and what to do. The commands print it without a traceback and exit
    with code 1; every other exception is a defect of the project and keeps its traceback.

    Attributes:
        field: What the user can set to another value, by the name that it has in code: a part of the configuration such
            as `data.num_test_per_class`, or an argument such as `data`. The command line adds how it is set there. None
            where nothing can be set, as for a damaged file.
    """

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field
