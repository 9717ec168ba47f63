"""`python -m waystate`."""

import sys

if not sys.flags.safe_path:
    # With -m Python puts the current directory first, where a json.py of somebody's would be taken for the library.
    del sys.path[0]

from waystate.cli.main import app

app()
