"""`python -m tapiary.cli` is the command `tapiary`."""

from tapiary.cli import main

raise SystemExit(main())
