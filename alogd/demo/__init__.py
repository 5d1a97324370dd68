"""`alogd demo`: a shop's live logs with incidents injected, the real daemon on them, its alerts beside the truth."""
