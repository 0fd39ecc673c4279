#!/bin/sh
# The part of a guest operation that runs with the user's own rights: VERB [ARGUMENTS]. See login.sh.

verb=$1
shift

have() {
    [ -e "$1" ] || [ -L "$1" ]
}

case $verb in
nothing) ;;
file-exists)
    [ -e "$1" ] && [ ! -d "$1" ] || exit 102
    ;;
directory-exists)
    [ -d "$1" ] || exit 102
    ;;
delete-file)
    have "$1" || exit 102
    [ ! -d "$1" ] || [ -L "$1" ] || exit 104
    rm -f -- "$1" || exit 103
    ;;
make-directory)
    have "$1" && exit 106
    [ -d "${1%/*}/" ] || exit 102
    mkdir -- "$1" || exit 103
    ;;
delete-directory)
    have "$1" || exit 102
    [ -d "$1" ] || exit 105
    rm -rf -- "$1" || exit 103
    ;;
make-tempfile)
    mktemp /tmp/vmware-XXXXXX || exit 103
    ;;
list-directory)
    [ -e "$1" ] || exit 102
    [ -d "$1" ] || exit 105
    ls -1A -- "$1" || exit 103
    ;;
rename)
    have "$1" || exit 102
    have "$2" && exit 106
    mv -- "$1" "$2" || exit 103
    ;;
kill)
    [ -d "/proc/$1" ] || exit 108
    kill "$1" || exit 103
    ;;
environment)
    # The host has made sure that this is a name.
    eval "printf '%s\n' \"\${$1-}\""
    ;;
run)
    # How, the program, and the rest of its command line as one text for the guest's shell.
    mode=$1 program=$2 line=$3
    [ -e "$program" ] || exit 102
    [ -x "$program" ] && [ ! -d "$program" ] || exit 109
    cd "$HOME" || cd / || exit 107
    shell=/bin/bash
    [ -x "$shell" ] || shell=/bin/sh
    # From here on the exit code is the program's.
    printf 'started\n'
    if [ "$mode" = go-on ]; then
        setsid "$shell" -c "\"\$0\" $line" "$program" >/dev/null 2>&1 &
        exit 0
    fi
    exec "$shell" -c "\"\$0\" $line" "$program" >/dev/null 2>&1
    ;;
may-write)
    [ ! -d "$1" ] || exit 104
    parent=${1%/*}/
    [ -d "$parent" ] || exit 102
    if [ -e "$1" ]; then [ -w "$1" ] || exit 103; else [ -w "$parent" ] || exit 103; fi
    ;;
receive)
    cat -- "$1" >"$2" || exit 107
    ;;
send)
    [ -e "$1" ] || exit 102
    [ ! -d "$1" ] || exit 104
    [ -r "$1" ] || exit 103
    exec cat -- "$1"
    ;;
*)
    exit 110
    ;;
esac
