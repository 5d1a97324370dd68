"""logparser3's Drain on FOLDER/in.log: prints CPU seconds and how many templates it found. Stands alone.

usage: python logparser_child.py FOLDER
"""
# mypy: ignore-errors

import json
import sys
import time
from pathlib import Path

from logparser.Drain import LogParser

folder = Path(sys.argv[1])
masks = json.loads((folder / "masks.json").read_text())
parser = LogParser("<Content>", indir=str(folder), outdir=str(folder), depth=4, st=0.4, rex=masks)
begun = time.process_time()
parser.parse("in.log")
seconds = time.process_time() - begun
print(seconds, len((folder / "in.log_templates.csv").read_text().splitlines()) - 1)
