"""`python -m tfp_insects` is the command `tfp-insects`."""

from tfp_insects.cli.main import main

if __name__ == "__main__":
    main()
