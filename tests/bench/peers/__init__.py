"""Other log parsers that Debian or PyPI install, on the same corpora; `make bench-peers` gets them (fetch.sh)."""
