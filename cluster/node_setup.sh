#!/usr/bin/env bash
# What a machine needs before Python starts: venv for set-up, EGL for pyrender, and Chromium for the test of the report page. As root on Debian it installs what is missing; otherwise it prints the line to run.
set -euo pipefail

packages=(libegl1 libgl1 libgl1-mesa-dri python3-venv chromium chromium-driver)
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
  echo "Set-up needs python3-venv; of the rest only pyrender and the page's test need any. To install:"
  echo "  sudo $install"
fi
