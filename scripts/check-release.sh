#!/usr/bin/env bash
# What must hold before a version is published; `npm publish` runs it first. Needs the registry.
set -euo pipefail
cd "$(dirname "$0")/.."

refuse() {
  echo "not to be published: $1" >&2
  exit 1
}

version=$(node --print "require('./package.json').version")
[ -z "$(git status --porcelain)" ] || refuse 'the working tree has changes that are not committed.'
[ "$(git tag --points-at HEAD "v$version")" ] || refuse "this commit has no tag v$version."
grep -q "^## \[$version\]" CHANGELOG.md || refuse "CHANGELOG.md has no section $version."
cmp -s openapi.yaml docs/releases/openapi.yaml ||
  refuse 'docs/releases/openapi.yaml is not the document of this release: npm run openapi:compat -- --release.'
[ "$(node --print "require('./package.json').repository?.url ?? ''")" ] ||
  refuse 'package.json names no repository, which the provenance refers to.'
npm audit --omit=dev || refuse 'a dependency has a known vulnerability, or the registry could not be asked.'
npm audit signatures || refuse 'a package is not what its registry has signed.'
