#!/bin/sh
# Unpacks Debian's cloud-init, without installing it, for tests that ask cloud-init itself.
#
#   fetch-cloud-init.sh DIRECTORY
#
# DIRECTORY/own gets the machine's own suite's version, DIRECTORY/sid the newest that Debian has; DIRECTORY/modules the
# Python modules that both need, from the machine's own suite, since they have to fit its Python. Each is kept for the
# next run. Needs apt-get, dpkg and a Debian mirror.
set -eu

modules="python3-attr python3-certifi python3-chardet python3-configobj python3-idna python3-jinja2
python3-json-pointer python3-jsonpatch python3-jsonschema python3-markupsafe python3-oauthlib python3-pyrsistent
python3-requests python3-six python3-urllib3"

[ $# -eq 1 ] || { echo "usage: $0 DIRECTORY" >&2; exit 2; }
mkdir -p "$1"
directory=$(cd "$1" && pwd)
work=$(mktemp -d "$directory/.work.XXXXXX")
trap 'rm -rf "$work"' EXIT

unpack() { # name, then the command that downloads packages into the current directory
    target=$directory/$1
    shift
    [ -d "$target" ] && return
    mkdir "$work/debs" "$work/tree"
    (cd "$work/debs" && "$@" >&2)
    for package in "$work/debs"/*.deb; do
        dpkg -x "$package" "$work/tree"
    done
    mv "$work/tree" "$target"
    rm -r "$work/debs"
}

# Where this machine's own suite comes from: its mirror has sid too.
mirror() {
    # shellcheck disable=SC1091  # a file of the system
    suite=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    # shellcheck disable=SC2016  # these are apt's variables
    apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(CREATED_BY)' |
        awk -v suite="$suite" '$2 == suite && $3 == "Packages" { print $1; exit }'
}

# apt-get with lists and sources of its own, so that the machine's stay as they are.
apt_of_sid() {
    mkdir -p "$work/apt/lists/partial" "$work/apt/archives/partial" "$work/apt/sources"
    cat >"$work/apt/sources/sid.sources" <<EOF
Types: deb
URIs: $(mirror)
Suites: sid
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
EOF
    apt-get -q -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$work/apt/sources" \
        -o Dir::State="$work/apt" -o Dir::State::Lists="$work/apt/lists" -o Dir::Cache="$work/apt" \
        -o Dir::State::Status=/dev/null -o APT::Sandbox::User= -o Acquire::Languages=none \
        -o Acquire::http::Timeout=20 -o Acquire::Retries=1 "$@"
}

download_from_sid() {
    apt_of_sid update
    apt_of_sid download cloud-init
}

# shellcheck disable=SC2086  # one word per package
unpack modules apt-get -q -o APT::Sandbox::User= download $modules
unpack own apt-get -q -o APT::Sandbox::User= download cloud-init
unpack sid download_from_sid
