"""A backup target behind a command, as small as it can be: a directory."""

import os

KEEPER = """#!/bin/sh
set -e
kept=$1 name=$3
case $2 in
size) [ -f "$kept/$name" ] || exit 3; stat -c %s "$kept/$name" ;;
get) [ -f "$kept/$name" ] || exit 3; cat "$kept/$name" ;;
put) mkdir -p "$(dirname "$kept/$name")"; cat > "$kept/.part-$$"
     case $name in objects/*) echo >> "$kept/../puts"; sleep SECONDS ;; esac
     mv "$kept/.part-$$" "$kept/$name" ;;
list) cd "$kept"; find . -type f | sed 's,^./,,' | grep "^$name" || true ;;
remove) rm -f "$kept/$name" ;;
*) exit 1 ;;
esac
"""


def add_target(test, coffer, name, seconds=0):
    """A body takes it so long, and adds a line to "puts"."""
    keeper = test.write("keeper", KEEPER.replace("SECONDS", str(seconds)).encode(), 0o755)
    for directory in ("kept", "scratch"):
        os.mkdir(test.path(directory))
    with open(test.path(coffer, "coffer.yaml"), "a", encoding="utf-8") as file:
        file.write(f"backup_targets:\n  {name}:\n    command: [{keeper}, {test.path('kept')}]\n"
                   f"    scratch: {test.path('scratch')}\n")
