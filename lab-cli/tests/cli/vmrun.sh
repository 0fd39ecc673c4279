#!/bin/sh
# A vmrun whose machines are files: they can be made, started, stopped and deleted, and no guest ever answers.
state=$(dirname "$0")/machines
mkdir -p "$state"
[ "$1" != -T ] || shift 2
command=$1
vmx=$2
entry=$state/$(printf %s "$vmx" | tr '/ ' '__')
fail() { echo "Error: $1"; exit 255; }
case $command in
  '') printf '\nvmrun version 1.17.0 build-24832109\n\nUsage: vmrun [AUTHENTICATION-FLAGS] COMMAND [PARAMETERS]\n'; exit 255 ;;
  list)
    echo "Total running VMs: $(find "$state" -type f | wc -l)"
    find "$state" -type f -exec cat {} +
    ;;
  listHostNetworks) printf 'Total host networks: 1\nINDEX  NAME    TYPE      DHCP   SUBNET       MASK\n1      vmnet1  hostOnly  false  198.18.77.0  255.255.255.0\n' ;;
  # Ports on which nothing listens.
  listPortForwardings) printf 'Total port forwardings: 2\nINDEX  PROTOCOL  HOST PORT  GUEST IP  GUEST PORT  DESCRIPTION\n0 tcp 1 198.18.77.10 22 -\n1 tcp 2 198.18.77.11 22 -\n' ;;
  deletePortForwarding) ;;
  clone) mkdir -p "$(dirname "$3")" && cp "$vmx" "$3" ;;
  snapshot) echo "$3" >>"$vmx.snapshots" ;;
  revertToSnapshot) ;;
  deleteSnapshot) grep -vx "$3" "$vmx.snapshots" >"$vmx.kept"; mv "$vmx.kept" "$vmx.snapshots" ;;
  listSnapshots)
    touch "$vmx.snapshots"
    echo "Total snapshots: $(grep -c . "$vmx.snapshots")"
    cat "$vmx.snapshots"
    ;;
  start)
    [ ! -f "$(dirname "$0")/start-fails" ] || fail "$(cat "$(dirname "$0")/start-fails")"
    printf '[    0.000000] Linux version 6.12\n[    9.000000] Kernel panic - not syncing: no init found\n' >"$(dirname "$vmx")/console.log"
    echo "$vmx" >"$entry"
    ;;
  stop) rm -f "$entry" ;;
  deleteVM) rm -f "$vmx" "$vmx.snapshots" ;;
  *) fail "The VMware Tools are not running in the virtual machine: $vmx" ;;
esac
