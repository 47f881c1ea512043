"""Commands and their flags; nothing below this room knows a flag."""
