#!/usr/bin/env bash
# nats-py.sh: installs nats-py if it is missing, and prints its folder, for PYTHONPATH. It needs Python's pip.
. "$(dirname "$0")/../../../../../libs/broadcast/test/support/servers/common.sh"
VERSION=2.16.0
install() { /usr/bin/python3 -m pip install --quiet --target . "nats-py==$VERSION"; }
once "nats-py-$VERSION" install
echo "$CACHE/nats-py-$VERSION"
