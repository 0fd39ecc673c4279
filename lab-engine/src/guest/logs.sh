#!/bin/sh
# Prints a part of a log of this node. Run as root: logs.sh WHAT ARGUMENT...
#
#   file PATH OFFSET LINES       from this byte on, or the last lines if OFFSET is -; the first line printed is the new offset
#   journal CURSOR LINES UNIT    after this cursor, or the last lines if CURSOR is -; of all units if UNIT is -
#
# Exit code 44: there is no such file (yet).
set -eu
export LC_ALL=C

# So much in one answer at most: a follower asks again.
most=1048576

case $1 in
    file)
        [ -f "$2" ] || exit 44
        size=$(wc -c <"$2")
        if [ "$3" = - ]; then
            echo "$size"
            head -c "$size" "$2" | tail -n "$4"
        else
            from=$3
            # A shorter file is a new one.
            [ "$from" -le "$size" ] || from=0
            [ $((size - from)) -le "$most" ] || size=$((from + most))
            echo "$size"
            tail -c "+$((from + 1))" "$2" | head -c $((size - from))
        fi
        ;;
    journal)
        unit=$4
        set -- "$2" "$3"
        if [ "$1" = - ]; then
            set -- -n "$2"
        else
            set -- --after-cursor "$1"
        fi
        [ "$unit" = - ] || set -- "$@" -u "$unit"
        journalctl --no-pager -q -o short-iso --show-cursor "$@"
        ;;
    *)
        echo "unknown log: $1" >&2
        exit 2
        ;;
esac
