"""`python -m alogd` is `alogd`."""

import sys

from alogd.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
