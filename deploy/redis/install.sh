#!/bin/sh
# Install Debian's redis-server for the tests.  The tests start their own on a free port; no service is left running.
set -eu
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "redis-server is missing.  Install it (Debian: apt-get install redis-server; macOS: brew install redis)," >&2
  echo "or name a server that the tests may use: CHATWARDEN_TEST_REDIS=redis://host:6379/0" >&2
  exit 2
fi
echo "== installing redis-server"
# Run level 1 keeps the package from starting a service.
export RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends redis-server >/dev/null
