#!/usr/bin/env bash
# The client as it is published, in Deno, which comes from the registry.
set -euo pipefail
cd "$(dirname "$0")/.."

DENO=deno npx --yes --package deno@2 -- npm test --silent -- --reporter=terse test/plugin/packed-client.test.ts
