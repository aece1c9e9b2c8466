"""`python -m inference COMMAND --help`."""

import sys

from inference.command_line.commands import main

if __name__ == "__main__":
    sys.exit(main())
