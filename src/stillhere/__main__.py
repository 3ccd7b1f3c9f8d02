"""`python -m stillhere`: the command line."""

import sys

from stillhere.cli import main

if __name__ == "__main__":
    sys.exit(main())
