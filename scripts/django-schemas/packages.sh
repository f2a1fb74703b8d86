#!/usr/bin/env bash
# Downloads Debian's Django and Django REST Framework of some suites, and unpacks each suite into a folder of its name:
# packages.sh FOLDER SUITE...   Installs nothing and needs no root; the mirror is the one that apt uses.
set -euo pipefail
folder=$(realpath -m "$1")
shift
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -m1 '/debian/$')
mkdir -p "$folder/apt/lists/partial" "$folder/apt/cache/archives/partial"

for suite in "$@"; do
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main"
done > "$folder/apt/sources.list"

apt() {
  apt-get -qq -o "Dir::Etc::SourceList=$folder/apt/sources.list" -o Dir::Etc::SourceParts=- \
    -o "Dir::State::Lists=$folder/apt/lists" -o "Dir::Cache=$folder/apt/cache" -o APT::Sandbox::User= "$@"
}

apt update
for suite in "$@"; do
  mkdir -p "$folder/$suite/debs"
  cd "$folder/$suite/debs"
  for package in django djangorestframework asgiref sqlparse tz typing-extensions; do
    apt download "python3-$package/$suite"
  done
  for deb in *.deb; do dpkg-deb -x "$deb" ..; done
done
