"""The values of `--model`: each says in one file how its networks are built and used."""
