#!/bin/sh
# Runs inside the guest, as root, through the guest agent:
#
#   sh -c LOGIN vmrun USER USER_SCRIPT VERB [ARGUMENTS]     with USER's password and a NUL byte on standard input
#
# Checks the password the way login does, then does one thing as that user. The host reads standard output. Exit codes
# from 100 on are these scripts' own and say why something did not work. Every program that is started counts: a guest
# without hardware support takes a good part of a second for a handful of them.

user=$1 user_script=$2 verb=$3
shift 3
exec 2>/dev/null

# pam_unix's helper reads the password from standard input and compares it with the shadow file.
for helper in /usr/sbin/unix_chkpwd /sbin/unix_chkpwd /usr/bin/unix_chkpwd ''; do
    [ -x "$helper" ] && break
done
[ -n "$helper" ] && command -v runuser >/dev/null || exit 101
case $user in '' | -*) exit 100 ;; esac
"$helper" "$user" nonull >/dev/null || exit 100

as_user() {
    runuser -u "$user" -- /bin/sh -c "$user_script" vmrun "$@" </dev/null
}

# Files on their way between host and user are root's own until they are complete. They are not in /tmp, which is often
# in memory.
new_file() {
    mktemp /var/tmp/vmrun-XXXXXX || exit 107
}

case $verb in
processes)
    if command -v ps >/dev/null; then
        exec ps -ww -eo pid=,user:64=,args=
    fi
    for directory in /proc/[0-9]*; do
        owner=$(stat -c %U "$directory") || continue
        command=$(tr '\0' ' ' <"$directory/cmdline")
        [ -n "$command" ] || command="[$(cat "$directory/comm")]"
        printf '%s %s %s\n' "${directory#/proc/}" "$owner" "$command"
    done
    ;;
prepare-in)
    as_user may-write "$1" || exit
    new_file
    ;;
prepare-script)
    new_file
    ;;
finish-in)
    chown -- "$user" "$1" || exit 107
    as_user receive "$1" "$2"
    result=$?
    rm -f -- "$1"
    exit "$result"
    ;;
finish-script)
    chown -- "$user" "$1" && chmod 0700 -- "$1" || exit 107
    ;;
prepare-out)
    copy=$(new_file) || exit
    if as_user send "$1" >"$copy"; then
        printf '%s\n' "$copy"
    else
        result=$?
        rm -f -- "$copy"
        exit "$result"
    fi
    ;;
discard)
    rm -f -- "$1"
    ;;
*)
    as_user "$verb" "$@"
    ;;
esac
