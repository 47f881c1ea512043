"""How far a command is, and how long it still takes: work told as it is done, what it costs, and how that is shown."""
