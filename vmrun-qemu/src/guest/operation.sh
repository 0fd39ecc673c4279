# Runs inside the guest, as root, through the guest agent:
#   sh -c OPERATION vmrun USER VERB [ARGUMENTS]      with USER's password and a NUL byte on standard input
#
# Checks the password the way login does, then does one thing as that user. Standard output is read by the host;
# the exit codes from 100 on are this script's own and say why something did not work.

user=$1
verb=$2
shift 2

no() { exit "$1"; }

# pam_unix's helper reads the password from standard input and compares it with the shadow file.
helper=
for candidate in /usr/sbin/unix_chkpwd /sbin/unix_chkpwd /usr/bin/unix_chkpwd; do
    [ -x "$candidate" ] && helper=$candidate && break
done
[ -n "$helper" ] && command -v runuser >/dev/null || no 101
case $user in '' | -*) no 100 ;; esac
"$helper" "$user" nonull >/dev/null 2>&1 || no 100

as_user() { runuser -u "$user" -- "$@" </dev/null 2>/dev/null; }
# A path that starts with a dash is no option.
path() { case $1 in -*) printf './%s' "$1" ;; *) printf '%s' "$1" ;; esac }
have() { as_user test -e "$1" || as_user test -L "$1"; }

case $verb in
file-exists)
    as_user test -e "$1" || no 102
    as_user test -d "$1" && no 102
    exit 0
    ;;
directory-exists)
    as_user test -d "$1" || no 102
    ;;
delete-file)
    have "$1" || no 102
    as_user test -d "$1" && no 104
    as_user rm -f -- "$1" || no 103
    ;;
make-directory)
    have "$1" && no 106
    as_user test -d "$(dirname -- "$1")" || no 102
    as_user mkdir -- "$1" || no 103
    ;;
delete-directory)
    have "$1" || no 102
    as_user test -d "$1" || no 105
    as_user rm -rf -- "$1" || no 103
    ;;
make-tempfile)
    as_user mktemp /tmp/vmware-XXXXXX || no 103
    ;;
list-directory)
    as_user test -e "$1" || no 102
    as_user test -d "$1" || no 105
    as_user ls -1A -- "$1" || no 103
    ;;
rename)
    have "$1" || no 102
    have "$2" && no 106
    as_user mv -n -- "$1" "$2" || no 103
    ;;
processes)
    if command -v ps >/dev/null; then
        ps -ww -eo pid=,user:64=,args=
    else
        for directory in /proc/[0-9]*; do
            command=$(tr '\0' ' ' <"$directory/cmdline" 2>/dev/null)
            owner=$(stat -c %U "$directory" 2>/dev/null) || continue
            [ -n "$command" ] || command="[$(cat "$directory/comm" 2>/dev/null)]"
            printf '%s %s %s\n' "${directory#/proc/}" "$owner" "$command"
        done
    fi
    ;;
kill)
    [ -d "/proc/$1" ] || no 108
    as_user kill "$1" || no 103
    ;;
environment)
    # The value that a login of the user has.
    as_user env -i HOME="$(getent passwd "$user" | cut -d: -f6)" sh -lc "printf '%s\n' \"\${$1-}\"" || no 107
    ;;
run)
    # Arguments: wait or go on, the program, the rest of its command line as one text for the guest's shell.
    mode=$1 program=$2 line=$3
    as_user test -e "$program" || no 102
    as_user test -x "$program" && ! as_user test -d "$program" || no 109
    shell=/bin/bash
    [ -x "$shell" ] || shell=/bin/sh
    # shellcheck disable=SC2016 # the inner shell expands these
    set -- "$shell" -c 'cd "$HOME" 2>/dev/null || cd /; shell=$1 program=$2 line=$3; exec "$shell" -c "\"\$0\" $line" "$program"' \
        vmrun "$shell" "$program" "$line"
    if [ "$mode" = go-on ]; then
        setsid runuser -u "$user" -- "$@" </dev/null >/dev/null 2>&1 &
        exit 0
    fi
    runuser -u "$user" -- "$@" </dev/null >/dev/null 2>&1
    printf 'ended %s\n' "$?"
    ;;
prepare-in)
    # A file is about to come from the host. Root keeps it out of everybody's sight until it is complete.
    as_user test -d "$1" && no 104
    parent=$(dirname -- "$1")
    as_user test -d "$parent" || no 102
    if as_user test -e "$1"; then as_user test -w "$1" || no 103; else as_user test -w "$parent" || no 103; fi
    mktemp /var/tmp/vmrun-XXXXXX || no 107
    ;;
finish-in)
    chown -- "$user" "$1" || no 107
    # shellcheck disable=SC2016 # the inner shell expands these
    as_user sh -c 'cat -- "$1" >"$2"' vmrun "$1" "$(path "$2")"
    result=$?
    rm -f -- "$1"
    [ "$result" = 0 ] || no 107
    ;;
prepare-out)
    as_user test -e "$1" || no 102
    as_user test -d "$1" && no 104
    as_user test -r "$1" || no 103
    copy=$(mktemp /var/tmp/vmrun-XXXXXX) || no 107
    if as_user cat -- "$1" >"$copy"; then printf '%s\n' "$copy"; else rm -f -- "$copy"; no 107; fi
    ;;
discard)
    rm -f -- "$1"
    ;;
script)
    # A file that holds a script, made by prepare-in and written since: let the user read and remove it.
    chown -- "$user" "$1" && chmod 0700 -- "$1" || no 107
    ;;
*)
    no 110
    ;;
esac
