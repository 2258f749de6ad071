"""`python -m autogen`: the command line."""

from ._cli.app import main

if __name__ == "__main__":
    main()
