"""`python -m micstream`."""

from micstream.cli import main

main()
