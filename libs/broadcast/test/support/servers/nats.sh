#!/usr/bin/env bash
# nats.sh: installs nats-server if it is missing, and prints its path. It needs Go.
# $(libs/broadcast/test/support/servers/nats.sh) -js starts a server on port 4222.
. "$(dirname "$0")/common.sh"
VERSION=${NATS_VERSION:-v2.15.2}
install_nats() { GOBIN=$PWD GOFLAGS=-mod=mod go install "github.com/nats-io/nats-server/v2@$VERSION"; }
once "nats-$VERSION" install_nats
echo "$CACHE/nats-$VERSION/nats-server"
