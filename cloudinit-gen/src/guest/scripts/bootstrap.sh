#!/bin/sh
# Brings a lab node up once cloud-init is done: payload, kernel, images, k3s.
#
# POSIX sh. Run as root by lab-bootstrap.service on every boot. Parameters come from /etc/lab/node.env and from
# nowhere else. Every step can run again: a node that is switched off in the middle goes on with the next boot, and
# one that has finished does nothing. The first step that fails writes /var/lib/lab/failed and ends the run.
#
# With the argument `payload` it copies the payload and ends: what an installer runs inside the system it has installed.
#
# LAB_ROOT is empty on a node; tests put a directory of their own in front of every path with it.
set -eu
umask 022
export LC_ALL=C

root=${LAB_ROOT:-}
state=$root/var/lib/lab
library=$root/usr/local/lib/lab
payload=$state/payload
mount_point=$state/medium
images=$root/var/lib/rancher/k3s/agent/images
k3s=$root/usr/local/bin/k3s

step=start
mounted=
reported=

# --- telling the host -------------------------------------------------------------------------------------------

# Replaces a file in one move, so that nobody ever reads half of it.
publish() { # path, text
    printf '%s\n' "$2" >"$1.new"
    mv -f "$1.new" "$1"
}

# A log that cannot be written is no reason to stop.
log() { # text
    printf '%s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$1" | tee -a "$state/bootstrap.log" || :
}

# Sets a VMware guest variable where VMware's tools are; elsewhere nothing happens.
tell() { # name, value
    if command -v vmware-rpctool >/dev/null 2>&1; then
        timeout 5 vmware-rpctool "info-set guestinfo.lab.$1 $2" >/dev/null 2>&1 || :
    elif command -v vmtoolsd >/dev/null 2>&1; then
        timeout 5 vmtoolsd --cmd "info-set guestinfo.lab.$1 $2" >/dev/null 2>&1 || :
    fi
}

begin() { # step
    step=$1
    publish "$state/progress" "$step"
    log "$step"
    tell progress "$step"
}

marked() { # path: whether this marker was written in this life of the disk
    [ -f "$1" ] || return 1
    id=
    read -r id <"$1" || :
    [ "$id" = "$LAB_INSTANCE_ID" ]
}

# A marker promises that what it stands for outlives a power cut, so everything before it is written out first.
mark() { # path
    sync
    publish "$1" "$LAB_INSTANCE_ID"
}

# --- reasons ----------------------------------------------------------------------------------------------------

# The text without the join token, on one line, valid UTF-8, of bounded length.
presentable() { # text
    rest=$1
    clean=
    while [ -n "$LAB_TOKEN" ]; do
        case $rest in
            *"$LAB_TOKEN"*)
                clean="$clean${rest%%"$LAB_TOKEN"*}[token]"
                rest=${rest#*"$LAB_TOKEN"}
                ;;
            *) break ;;
        esac
    done
    printf '%s' "$clean$rest" | tr '\t\r\n' '   ' | tr -d '\000-\037\177' | cut -c 1-500 |
        { iconv -c -f UTF-8 -t UTF-8 2>/dev/null || :; }
}

last_line() { # path
    grep -v '^[[:space:]]*$' "$1" 2>/dev/null | tail -n 1 || :
}

first_line() { # path
    grep -v '^[[:space:]]*$' "$1" 2>/dev/null | head -n 1 || :
}

release_medium() {
    if [ -n "$mounted" ]; then
        mounted=
        umount "$mount_point" || :
    fi
}

free_kib() {
    df -Pk "$state" | { read -r _; read -r _ _ _ free _; echo "$free"; }
}

# A full disk takes no file, but it takes a link, and /run is in memory: the host learns of it all the same.
publish_failure() { # text
    if { printf '%s\n' "$1" >"$state/failed.new"; } 2>/dev/null; then
        mv -f "$state/failed.new" "$state/failed"
        return 0
    fi
    rm -f "$state/failed.new"
    mkdir -p "$root/run/lab"
    printf '%s\n' "$1" >"$root/run/lab/failed"
    ln -sfn "$root/run/lab/failed" "$state/failed"
}

fail() { # reason
    reported=yes
    reason=$(presentable "$1")
    [ "$(free_kib)" != 0 ] || reason="the disk is full: $reason"
    publish_failure "instance-id=$LAB_INSTANCE_ID
step=$step
reason=${reason:-unknown}"
    log "failed in $step: $reason"
    tell failed "$step: $reason"
    release_medium
    exit 1
}

# Catches what no step foresaw: with `set -e` the script ends there, and the host has to learn of it too.
on_exit() {
    status=$?
    if [ "$status" -ne 0 ] && [ -z "$reported" ]; then
        set +e
        fail "a command ended with status $status that nothing had foreseen"
    fi
}

# Runs a program within the limit for commands. Its own last line is the reason when it fails.
run() { # what, program, arguments...
    what=$1
    shift
    status=0
    timeout "$LAB_LIMIT_COMMAND" "$@" </dev/null >"$state/command.log" 2>&1 || status=$?
    case $status in
        0) ;;
        124) fail "$what took longer than $LAB_LIMIT_COMMAND s" ;;
        *) fail "$what failed with status $status: $(last_line "$state/command.log")" ;;
    esac
}

# --- waiting ----------------------------------------------------------------------------------------------------

# Seconds since boot, in NOW: the time of day may jump while we wait.
read_clock() {
    read -r NOW _ </proc/uptime
    NOW=${NOW%%.*}
}

start_waiting() { # limit in seconds
    read_clock
    deadline=$((NOW + $1))
}

still_waiting() {
    read_clock
    [ "$NOW" -lt "$deadline" ]
}

# --- steps ------------------------------------------------------------------------------------------------------

# What `cloud-init status --long` says is wrong: under `errors:` since 23.4, under `detail:` before.
cloud_init_errors() {
    found=$(sed -n '/^errors:/,/^[a-z_]*:/{/^[a-z_]*:/d;p;}' "$state/cloud-init.status")
    [ -n "$found" ] || found=$(sed -n '/^detail:/,${/^detail:/d;p;}' "$state/cloud-init.status")
    [ -n "$found" ] || found=$(last_line "$state/cloud-init.status")
    printf '%s' "$found"
}

wait_for_cloud_init() {
    marked "$root/var/lib/cloud-init-complete" && return 0
    begin cloud-init
    status=0
    timeout "$LAB_LIMIT_CLOUD_INIT" cloud-init status --wait --long >"$state/cloud-init.status" 2>&1 || status=$?
    case $status in
        0) ;;
        2) log "cloud-init reports recoverable errors: see $state/cloud-init.status" ;;
        124) fail "cloud-init did not finish within $LAB_LIMIT_CLOUD_INIT s" ;;
        127) fail "the image has no cloud-init command" ;;
        *) fail "cloud-init reports errors: $(cloud_init_errors)" ;;
    esac
    mark "$root/var/lib/cloud-init-complete"
}

# A clock that is behind makes every certificate look as if it were not valid yet.
set_clock() {
    begin clock
    if [ "$(date +%s)" -lt "$LAB_CLOCK_FLOOR" ]; then
        run "setting the clock" date -u -s "@$LAB_CLOCK_FLOOR"
        log "the clock was behind the payload's build time and has been set to it"
    fi
    if [ -n "$LAB_TIME_SERVERS" ]; then
        return 0
    fi
    for client in systemd-timesyncd chrony chronyd ntp ntpd ntpsec openntpd; do
        if [ -e "$root/usr/lib/systemd/system/$client.service" ]; then
            run "stopping $client" systemctl disable --now "$client.service"
        fi
    done
}

wait_for_medium() {
    begin payload-wait
    device=$root/dev/disk/by-label/$LAB_PAYLOAD_LABEL
    start_waiting "$LAB_LIMIT_MEDIUM"
    until [ -e "$device" ]; do
        still_waiting || fail "no medium labelled $LAB_PAYLOAD_LABEL appeared within $LAB_LIMIT_MEDIUM s; is the payload image attached?"
        sleep 1
    done
}

# Copies what SHA256SUMS lists and nothing else, so that no unchecked file is ever installed.
copy_listed_files() { # destination
    while read -r _ path; do
        case $path in
            '' | /* | .. | ../* | */.. | */../*) fail "SHA256SUMS of the payload names a path outside it: $path" ;;
        esac
        case $path in
            */*) run "making a directory for $path" mkdir -p "$1/${path%/*}" ;;
        esac
        run "copying $path" cp "$mount_point/$path" "$1/$path"
    done <"$mount_point/SHA256SUMS"
    run "copying SHA256SUMS" cp "$mount_point/SHA256SUMS" "$1/SHA256SUMS"
}

copy_payload() {
    begin payload-copy
    mkdir -p "$mount_point"
    run "mounting $LAB_PAYLOAD_LABEL" mount -t iso9660 -o ro "$device" "$mount_point"
    mounted=yes
    [ -f "$mount_point/SHA256SUMS" ] || fail "the medium $LAB_PAYLOAD_LABEL has no SHA256SUMS: it is not a payload"
    if [ -n "$LAB_PAYLOAD_DIGEST" ]; then
        digest=$(sha256sum <"$mount_point/SHA256SUMS")
        [ "${digest%% *}" = "$LAB_PAYLOAD_DIGEST" ] ||
            fail "the medium $LAB_PAYLOAD_LABEL holds another payload than the one this node was made for"
    fi
    rm -rf "$payload" "$payload.part"
    needed=$(du -sk "$mount_point" | cut -f 1)
    free=$(free_kib)
    [ "$free" -gt "$needed" ] || fail "the payload needs $needed KiB and the disk has $free KiB left"
    mkdir "$payload.part"
    copy_listed_files "$payload.part"
    chmod -R u+rwX,go+rX "$payload.part"
    (cd "$payload.part" && timeout "$LAB_LIMIT_COMMAND" sha256sum --quiet --strict -c SHA256SUMS) \
        >"$state/command.log" 2>&1 || fail "the payload is damaged: $(first_line "$state/command.log")"
    mv "$payload.part" "$payload"
    mounted=
    run "unmounting $LAB_PAYLOAD_LABEL" umount "$mount_point"
}

fetch_payload() {
    marked "$root/var/lib/iso-copy-complete" && return 0
    if [ -n "$LAB_PAYLOAD_LABEL" ]; then
        wait_for_medium
        copy_payload
    fi
    mark "$root/var/lib/iso-copy-complete"
}

switch_swap_off() {
    run "switching swap off" swapoff -a
    fstab=$root/etc/fstab
    swap_entry='^[^#[:space:]][^[:space:]]*[[:space:]]+[^[:space:]]+[[:space:]]+swap[[:space:]]'
    if [ -f "$fstab" ] && grep -Eq "$swap_entry" "$fstab"; then
        run "taking swap out of /etc/fstab" sed -E -i "s/$swap_entry/# switched off for k3s: &/" "$fstab"
    fi
}

prepare_system() {
    begin system
    switch_swap_off
    while read -r module; do
        run "loading the kernel module $module" modprobe "$module"
    done <"$root/etc/modules-load.d/lab.conf"
    while read -r key _ value; do
        file=$root/proc/sys/$(printf '%s' "$key" | tr . /)
        # A parameter that already holds its value may be read-only, as in a container.
        current=
        [ ! -r "$file" ] || read -r current <"$file" || :
        [ "$current" != "$value" ] || continue
        { printf '%s\n' "$value" >"$file"; } 2>"$state/command.log" ||
            fail "the kernel parameter $key cannot be set to $value: $(last_line "$state/command.log")"
    done <"$root/etc/sysctl.d/90-lab.conf"
}

# k3s imports what lies here when it starts, before it pulls anything.
place_images() {
    [ -d "$payload/images" ] || return 0
    begin images
    mkdir -p "$images"
    for archive in "$payload/images"/*; do
        [ -f "$archive" ] || continue
        run "placing ${archive##*/}" mv -f "$archive" "$images/${archive##*/}"
    done
}

install_packages() {
    set -- "$payload/packages"/*.deb
    [ -f "$1" ] || return 0
    begin packages
    run "installing the payload's packages" env DEBIAN_FRONTEND=noninteractive dpkg --install "$@"
    # A reboot before the end must not install them again.
    rm -rf "$payload/packages"
}

install_k3s() {
    begin k3s-install
    if [ -f "$payload/k3s" ]; then
        mkdir -p "${k3s%/*}"
        run "installing k3s" install -m 0755 "$payload/k3s" "$k3s.new"
        mv -f "$k3s.new" "$k3s"
    fi
    [ -x "$k3s" ] || fail "there is no k3s binary: neither the payload nor the image has one"
    run "k3s --version" "$k3s" --version
    log "$(first_line "$state/command.log")"
    for name in kubectl crictl ctr; do
        [ -e "$root/usr/bin/$name" ] || [ -e "${k3s%/*}/$name" ] || ln -s k3s "${k3s%/*}/$name"
    done
    run "installing the unit $LAB_K3S_UNIT" install -D -m 0644 "$library/k3s.unit" "$root/etc/systemd/system/$LAB_K3S_UNIT"
    run "reloading systemd" systemctl daemon-reload
    run "enabling $LAB_K3S_UNIT" systemctl enable "$LAB_K3S_UNIT"
}

# k3s agents retry by themselves, but only systemd's restarts would show while the server boots.
wait_for_server() {
    begin server-wait
    start_waiting "$LAB_LIMIT_SERVER"
    # Only bash can open a connection without a further program; it is essential in Debian and Ubuntu.
    # shellcheck disable=SC2016  # the inner shell expands its own arguments
    until timeout 5 bash -c 'exec 3<>"/dev/tcp/$1/$2"' - "$LAB_SERVER_HOST" "$LAB_SERVER_PORT" 2>"$state/command.log"; do
        still_waiting || fail "the server $LAB_SERVER_HOST:$LAB_SERVER_PORT accepted no connection within $LAB_LIMIT_SERVER s: $(last_line "$state/command.log")"
        sleep 2
    done
}

# What k3s itself said last: a fatal line if there is one, else an error, else anything.
k3s_said() {
    journalctl -b --no-pager -o cat -n 100 "_SYSTEMD_UNIT=$LAB_K3S_UNIT" >"$state/k3s.last" 2>/dev/null || :
    said=$(grep -i 'fatal' "$state/k3s.last" | tail -n 1 || :)
    [ -n "$said" ] || said=$(grep -i 'error' "$state/k3s.last" | tail -n 1 || :)
    [ -n "$said" ] || said=$(last_line "$state/k3s.last")
    # Nothing from k3s itself: systemd knows why it could not even be started.
    [ -n "$said" ] || said=$(journalctl -b --no-pager -o cat -n 1 -u "$LAB_K3S_UNIT" 2>/dev/null || :)
    rm -f "$state/k3s.last"
    printf '%s' "$said"
}

# Puts the unit's state into k3s_state and the count of its restarts into k3s_restarts.
read_k3s_state() {
    systemctl show -p ActiveState -p NRestarts "$LAB_K3S_UNIT" >"$state/command.log" 2>&1 || :
    k3s_state=unknown
    k3s_restarts=0
    while IFS='=' read -r key value; do
        case $key in
            ActiveState) k3s_state=$value ;;
            NRestarts) k3s_restarts=$value ;;
        esac
    done <"$state/command.log"
}

give_k3s_up() { # what happened
    said=$(k3s_said)
    systemctl stop --no-block "$LAB_K3S_UNIT" >/dev/null 2>&1 || :
    fail "$1: ${said:-it left no message}"
}

fail_if_k3s_gave_up() {
    [ "$k3s_state" != failed ] || give_k3s_up "k3s failed"
    [ "$k3s_restarts" -le "$LAB_K3S_RESTARTS" ] || give_k3s_up "k3s failed and was restarted $k3s_restarts times"
}

start_k3s() {
    begin k3s-start
    systemctl reset-failed "$LAB_K3S_UNIT" >/dev/null 2>&1 || :
    run "starting $LAB_K3S_UNIT" systemctl start --no-block "$LAB_K3S_UNIT"
    start_waiting "$LAB_LIMIT_K3S_START"
    read_k3s_state
    until [ "$k3s_state" = active ]; do
        fail_if_k3s_gave_up
        still_waiting || give_k3s_up "k3s did not report itself started within $LAB_LIMIT_K3S_START s"
        sleep 1
        read_k3s_state
    done
}

node_is_ready() {
    timeout 60 "$k3s" kubectl get nodes -o json >"$state/nodes.json" 2>"$state/command.log" || return 1
    timeout 60 python3 "$library/node_ready.py" "$LAB_HOSTNAME" <"$state/nodes.json" >"$state/command.log" 2>&1
}

wait_for_node() {
    begin node-ready
    start_waiting "$LAB_LIMIT_NODE_READY"
    until node_is_ready; do
        why=$(last_line "$state/command.log")
        read_k3s_state
        fail_if_k3s_gave_up
        still_waiting || fail "the node was not Ready within $LAB_LIMIT_NODE_READY s: ${why:-no answer from k3s kubectl}"
        sleep 2
    done
    rm -f "$state/nodes.json"
}

# The seed is taken away after this. A cloud-init that looks for it at the next boot and finds nothing takes the machine
# for a new one: it would forget the static address and make other host keys. Its work here is done for good.
retire_cloud_init() {
    run "keeping cloud-init from later boots" mkdir -p "$root/etc/cloud"
    run "keeping cloud-init from later boots" touch "$root/etc/cloud/cloud-init.disabled"
}

# udev locks a drive's tray while a medium is in it, and a locked medium cannot be taken out of a running machine. Nothing
# is lost where this does not work: the machine is then restarted instead.
release_media() {
    for label in CIDATA cidata "$LAB_PAYLOAD_LABEL"; do
        medium=$root/dev/disk/by-label/$label
        if [ -n "$label" ] && [ -e "$medium" ] && command -v eject >/dev/null; then
            timeout 30 eject "$medium" >"$state/command.log" 2>&1 || log "cannot eject $label: $(last_line "$state/command.log")"
        fi
    done
}

# --- the run ----------------------------------------------------------------------------------------------------

mkdir -p "$state"
chmod 0755 "$state"
# shellcheck source=/dev/null
. "$root/etc/lab/node.env"

case $LAB_ROLE in
    server) final_marker=$root/var/lib/k3s-bootstrap.done ;;
    *) final_marker=$root/var/lib/k3s-agent-bootstrap.done ;;
esac
if marked "$final_marker"; then
    exit 0
fi

trap on_exit EXIT
# A shutdown in the middle is no failure: the next boot goes on.
trap 'trap - EXIT; exit 143' TERM
rm -f "$state/failed"
if [ "${1:-}" = payload ]; then
    fetch_payload
    rm -f "$state/command.log"
    exit 0
fi
wait_for_cloud_init
set_clock
fetch_payload
prepare_system
place_images
install_packages
install_k3s
if [ "$LAB_ROLE" = agent ]; then
    wait_for_server
fi
start_k3s
if [ "$LAB_ROLE" = server ]; then
    wait_for_node
fi
retire_cloud_init
release_media
rm -rf "$payload" "$state/command.log"
mark "$final_marker"
begin 'done'
