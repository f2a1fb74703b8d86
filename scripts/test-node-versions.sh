#!/usr/bin/env bash
# The heart of the tests under each version of Node.js that is supported, or under those named: scripts/test-node-versions.sh 24
# Takes them from the registry. Runs the service as it is started, and not what only this machine's Node.js would be needed for.
set -uo pipefail
cd "$(dirname "$0")/.."

[ $# -gt 0 ] || set -- 20.19 22 24 26
heart=(test/contract.test.ts test/domain/*.test.ts test/domain/passwords/*.test.ts test/http/users.test.ts test/db/migrate.test.ts
  test/db/batcher-memory.test.ts test/ops/garbage-collection.test.ts test/cli/start.test.ts test/plugin/host.test.ts)
failed=()
node --import tsx scripts/build-tap.ts

for version in "$@"; do
  echo "── Node.js $version"
  # tap starts each test with the Node.js that it runs on itself.
  npx --yes --package "node@$version" -- bash -c 'node --version && node node_modules/.bin/tap --reporter=terse "$@"' _ "${heart[@]}" ||
    failed+=("$version")
done

[ ${#failed[@]} -eq 0 ] || {
  echo "failed under ${failed[*]}" >&2
  exit 1
}
