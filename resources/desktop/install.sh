#!/bin/sh
# Installs Secateur for this user: menu entry, file types, icon, and the command `secateur`.
# Needs no administrator rights. The program stays in this folder; do not move it.
# `./uninstall.sh` removes everything.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
data=${XDG_DATA_HOME:-$HOME/.local/share}
bin=${SECATEUR_BIN:-$HOME/.local/bin}

if [ ! -x "$here/secateur" ]; then
    echo "secateur: the program is not next to this script; run it in the unpacked folder." >&2
    exit 1
fi
if [ -e "$bin/secateur" ] && [ ! -L "$bin/secateur" ]; then
    echo "secateur: $bin/secateur is another file; move it, then run this again." >&2
    exit 1
fi

mkdir -p "$bin" "$data/applications" "$data/mime/packages"
ln -sfn "$here/secateur" "$bin/secateur"

# The menu starts programs without the user's PATH: it needs the full path, quoted as specified.
quoted=$(printf '%s' "$here/secateur" | sed 's/[\\"`$]/\\\\&/g; s/%/%%/g')
escaped=$(printf '%s' "$quoted" | sed 's/[&|\\]/\\&/g')
sed -e "s|^Exec=secateur|Exec=\"$escaped\"|" -e '/^TryExec=/d' \
    "$here/share/secateur.desktop" >"$data/applications/secateur.desktop"
cp "$here/share/secateur-mime.xml" "$data/mime/packages/secateur.xml"
for picture in "$here"/share/secateur-*.png; do
    side=${picture##*-}
    side=${side%.png}
    mkdir -p "$data/icons/hicolor/${side}x${side}/apps"
    cp "$picture" "$data/icons/hicolor/${side}x${side}/apps/secateur.png"
done
mkdir -p "$data/icons/hicolor/scalable/apps"
cp "$here/share/secateur.svg" "$data/icons/hicolor/scalable/apps/secateur.svg"

sh "$here/share/refresh.sh" "$data"

echo "Installed: Secateur is in the menu, and opens .secateur projects and .pt checkpoints."
case ":$PATH:" in
*":$bin:"*) ;;
*) echo "For the command \`secateur\`, add $bin to PATH." ;;
esac
