"""`python -m stillhere`: the command line."""

import sys

if __name__ == "__main__":
    from stillhere.cli import main  # a recovery's processes import this file, and need it not

    sys.exit(main())
