"""The one error that a person using the project can mend."""

from collections.abc import Mapping


class InputError(ValueError):
    """Bad input: a file, field or value that the user gave.

    The message names what was given, what was expected and what to do. The commands print it without a traceback and exit
    with code 1; every other exception is a defect of the project and keeps its traceback.

    Attributes:
        fields: What the user can set to another value, by the names that they have in code: parts of the configuration such
            as `data.num_test_per_class`, or arguments such as `weights`. The command line adds how they are set there. Empty
            where nothing can be set, as for a damaged file.
        values: Values of such fields with which the same would work. The command line adds them as flags.
        other_values: Others with which it would work in another way.
    """

    def __init__(
        self,
        message: str,
        *,
        field: str | tuple[str, ...] = (),
        values: Mapping[str, object] | None = None,
        other_values: Mapping[str, object] | None = None,
    ) -> None:
        """Makes an error.

        Args:
            message: What the user reads.
            field: Name of the field that can be set to another value, or names of several.
            values: Values that would work, by field, where they are known.
            other_values: Others that would, in another way.
        """
        super().__init__(message)
        self.values = dict(values or {})
        self.other_values = dict(other_values or {})
        self.fields = (field,) if isinstance(field, str) else field
