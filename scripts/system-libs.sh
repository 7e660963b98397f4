#!/bin/sh
# Installs the system libraries that Qt and OpenCV load, where they are missing: on Debian as root,
# otherwise prints the command. Needs nothing when all are present. `bundle` adds what building the
# packaged program takes: Debian's own Python brings its shared library apart.
set -eu

packages="libegl1 libgl1 libxkbcommon0 libxkbcommon-x11-0 libdbus-1-3 libfontconfig1 libglib2.0-0 \
libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render-util0 \
libxcb-shape0 libxcb-xinerama0 fonts-dejavu-core python3-venv xvfb openssh-client openssh-server \
xdg-utils shared-mime-info desktop-file-utils squashfs-tools"

if [ "${1:-}" = bundle ]; then
    packages="$packages binutils"
    case "$(command -v "${PYTHON:-python3}")" in /usr/bin/*) packages="$packages libpython3-dev" ;; esac
fi

command -v dpkg-query >/dev/null 2>&1 || exit 0
missing=""
for package in $packages; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
[ -z "$missing" ] && exit 0

if [ "$(id -u)" = 0 ]; then
    echo "Installing system libraries:$missing"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
else
    echo "These system libraries are missing; install them with:"
    echo "  sudo apt-get install --no-install-recommends$missing"
fi
