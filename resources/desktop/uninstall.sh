#!/bin/sh
# Removes what install.sh installed. Projects, settings and the program folder stay.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
data=${XDG_DATA_HOME:-$HOME/.local/share}
bin=${SECATEUR_BIN:-$HOME/.local/bin}

if [ -L "$bin/secateur" ] && [ "$(readlink "$bin/secateur")" = "$here/secateur" ]; then
    rm "$bin/secateur"
fi
rm -f "$data/applications/secateur.desktop" "$data/mime/packages/secateur.xml"
rm -f "$data"/icons/hicolor/*/apps/secateur.png "$data/icons/hicolor/scalable/apps/secateur.svg"

sh "$here/share/refresh.sh" "$data"

echo "Uninstalled. Your projects and settings stay. To free disk space, delete $here."
