#!/bin/sh
# Applies one change of lab.toml inside a node. Run as root: apply.sh WHAT ARGUMENT...
#
#   write MODE PATH BASE64          replaces a file as a whole
#   lines PATH REMOVE ADD           takes lines out of a file and adds others (both base64, one entry to a line)
#   keys USER REMOVE ADD            the same for a user's authorized_keys
#   timezone ZONE
#   trust BASE64                    the certificates that the system trusts for the lab
#   restart UNIT                    if it runs
#   bootstrap UNIT FAILED           runs a failed bootstrap once more
set -eu
umask 022
export LC_ALL=C

# A file that others read is never seen half written.
replace() { # mode, path; the content on standard input
    mkdir -p "$(dirname "$2")"
    cat >"$2.new"
    chmod "$1" "$2.new"
    mv -f "$2.new" "$2"
}

decode() { # base64
    printf '%s' "$1" | base64 -d
}

# Keeps the file's owner and mode: its content is replaced, not the file.
change_lines() { # path, remove, add
    work=$(mktemp -d)
    decode "$2" >"$work/remove"
    decode "$3" >"$work/add"
    touch "$1"
    cat "$work/remove" "$work/add" | grep -v '^$' >"$work/all" || :
    if [ -s "$work/all" ]; then
        grep -vxF -f "$work/all" "$1" >"$work/kept" || :
    else
        cp "$1" "$work/kept"
    fi
    cat "$work/kept" "$work/add" >"$work/new"
    cat "$work/new" >"$1"
    rm -rf "$work"
}

case $1 in
    write) decode "$4" | replace "$2" "$3" ;;
    lines) change_lines "$2" "$3" "$4" ;;
    keys)
        home=$(getent passwd "$2" | cut -d : -f 6)
        [ -n "$home" ] || { echo "there is no user $2" >&2; exit 1; }
        change_lines "$home/.ssh/authorized_keys" "$3" "$4"
        ;;
    timezone)
        [ -e "/usr/share/zoneinfo/$2" ] || { echo "the guest knows no time zone $2" >&2; exit 1; }
        ln -sfn "/usr/share/zoneinfo/$2" /etc/localtime
        echo "$2" | replace 0644 /etc/timezone
        ;;
    trust)
        decode "$2" | replace 0644 /usr/local/share/ca-certificates/airgap-lab.crt
        update-ca-certificates
        ;;
    restart) systemctl try-restart "$2" ;;
    bootstrap)
        rm -f "$3"
        systemctl restart --no-block "$2"
        ;;
    *)
        echo "unknown change: $1" >&2
        exit 2
        ;;
esac
