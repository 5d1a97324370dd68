"""The commands of `alog-detect`: one file each, with `arguments` and `main`, as in alogd/cli/."""
