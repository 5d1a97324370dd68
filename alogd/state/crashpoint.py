"""Named places in the flow where a test may have the process killed, as a power cut or `kill -9` would.

`ALOGD_CRASH=commit_written:3` kills it when it comes to that place the third time. Without the variable a
crashpoint costs one look at a constant. The daemon's places, in the order an alert passes them, are POINTS; those of
a training, in the order a model passes them, TRAINING_POINTS.
"""

from __future__ import annotations

import os
import signal

POINTS = (
    "loaded",  # a stream's saved state was read
    "event_taken",  # an event of a collector left the queue
    "events_handled",  # ... and the core has worked on it
    "moment_taken",  # the core's state was saved to memory, with its positions
    "commit_begun",  # a transaction is open
    "commit_stream",  # ... positions and learned parts of a stream are in it
    "commit_alerts",  # ... its alerts and what goes to the sinks too
    "commit_ended",  # ... and it is on the disk
    "alerts_let_go",  # the alerts in it were forgotten in memory
    "send_begun",  # moments of alerts were taken from the outbox for a sink
    "sent",  # the sink has them
    "sent_removed",  # they left the outbox
)
TRAINING_POINTS = (
    "corpus_kept",  # the logs were read, and what they say lies in the work directory
    "epoch_kept",  # an epoch is over, and all that the next one needs lies there too
    "bundle_file",  # a file of the new bundle was written
    "bundle_written",  # ... and all of them are on the disk
    "bundle_named",  # ... and it has its name
    "promotion_noted",  # the history says which bundle goes into service
    "promotion_linked",  # a link to it lies beside the one in use
    "promotion_moved",  # ... and has taken its place
)

_NAME, _, _NTH = os.environ.get("ALOGD_CRASH", "").partition(":")
if _NAME and _NAME not in (*POINTS, *TRAINING_POINTS):
    raise SystemExit(f"ALOGD_CRASH: no crash point {_NAME!r}; there are: {', '.join((*POINTS, *TRAINING_POINTS))}")
_left = int(_NTH or 1)


def crashpoint(name: str) -> None:
    """Kill this process when it was asked to end here."""
    global _left
    if name != _NAME:
        return
    _left -= 1
    if _left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
