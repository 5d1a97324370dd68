"""AMiner's parser on lines: prints CPU seconds and how many lines matched. Stands alone: it imports AMiner only.

usage: python aminer_child.py FOLDER-OF-AMINER MODEL.json LINES
"""
# mypy: ignore-errors

import json
import sys
import time

folder, model, lines = sys.argv[1:4]
sys.path.insert(0, folder)

from aminer.parsing.AnyByteDataModelElement import AnyByteDataModelElement  # noqa: E402
from aminer.parsing.DelimitedDataModelElement import DelimitedDataModelElement  # noqa: E402
from aminer.parsing.FirstMatchModelElement import FirstMatchModelElement  # noqa: E402
from aminer.parsing.FixedDataModelElement import FixedDataModelElement  # noqa: E402
from aminer.parsing.MatchContext import MatchContext  # noqa: E402
from aminer.parsing.SequenceModelElement import SequenceModelElement  # noqa: E402
from aminer.parsing.WhiteSpaceLimitedDataModelElement import WhiteSpaceLimitedDataModelElement  # noqa: E402


def branch(name, message):
    """A sequence of literals and words; a variable at the end takes the rest."""
    parts = []
    for number, piece in enumerate(message):
        if piece is not None:
            parts.append(FixedDataModelElement(f"l{number}", piece.encode()))
        elif number == len(message) - 1:
            parts.append(AnyByteDataModelElement(f"v{number}"))
        else:
            parts.append(DelimitedDataModelElement(f"v{number}", message[number + 1][:1].encode()))
    return SequenceModelElement(name, parts)


def tree(written):
    """Words of the header, then the first branch that matches."""
    header = []
    for number in range(written["header"]):
        header.append(WhiteSpaceLimitedDataModelElement(f"h{number}"))
        header.append(FixedDataModelElement(f"s{number}", b" "))
    branches = [branch(f"m{number}", message) for number, message in enumerate(written["messages"])]
    return SequenceModelElement("line", [*header, FirstMatchModelElement("message", branches)])


with open(model, encoding="utf-8") as file:
    parser = tree(json.load(file))
with open(lines, "rb") as file:
    # its own readers cut lines too; the second space of a syslog day of one digit is taken away as nothing else fits
    atoms = [line.rstrip(b"\n").replace(b"  ", b" ", 1) if line[3:5] == b"  " else line.rstrip(b"\n") for line in file]

matched = 0
begun = time.process_time()
for atom in atoms:
    context = MatchContext(atom)
    if parser.get_match_element("", context) is not None and not context.match_data:
        matched += 1
print(time.process_time() - begun, matched)
