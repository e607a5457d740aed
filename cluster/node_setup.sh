#!/usr/bin/env bash
# What a machine needs before Python starts. As root on Debian it installs what is missing, otherwise it prints the line
# to run. `cluster/node_setup.sh node` leaves out what only the tests need, for images of cluster nodes.
set -euo pipefail

needed=(
  python3-venv                       # set-up
  libegl1 libgl1 libgl1-mesa-dri     # EGL, for pyrender
)
for_tests=(
  chromium chromium-driver           # the report page in a browser
  iproute2 util-linux                # clusters of namespace nodes
  openssh-server openssh-client      # launching a cluster with `ray up`, on such nodes
  rsync
  postgresql                         # a sweep's study in a database
)
packages=("${needed[@]}")
[ "${1:-}" = node ] || packages+=("${for_tests[@]}")

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q "ok installed" || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

install="apt-get install -y --no-install-recommends ${missing[*]}"
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
  echo "installing system packages: ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $install -qq >/dev/null
else
  echo "Some system packages are missing: ${missing[*]}"
  echo "Set-up needs python3-venv; of the rest only pyrender and some tests need any. To install:"
  echo "  sudo $install"
fi
