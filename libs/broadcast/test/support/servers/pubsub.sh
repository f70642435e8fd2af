#!/usr/bin/env bash
# pubsub.sh: builds the in-memory server of Google's Go client for Pub/Sub if it is missing, and prints its path. It needs Go.
# $(libs/broadcast/test/support/servers/pubsub.sh) -port 8085 starts it.
. "$(dirname "$0")/common.sh"
VERSION=${PUBSUB_VERSION:-v2.9.0}
build_pstest() {
  printf 'module local/pubsub-server\ngo 1.24\n' > go.mod
  cat > main.go <<'G'
package main

import (
	"flag"
	"io"
	"os"

	"cloud.google.com/go/pubsub/v2/pstest"
)

func main() {
	port := flag.Int("port", 8085, "where to listen")
	flag.Parse()
	server := pstest.NewServerWithPort(*port)
	defer server.Close()
	// Ends with the process that has started it.
	io.Copy(io.Discard, os.Stdin)
}
G
  GOFLAGS=-mod=mod go get "cloud.google.com/go/pubsub/v2@$VERSION"
  GOFLAGS=-mod=mod go build -o pubsub-server .
}
once "pubsub-$VERSION" build_pstest
echo "$CACHE/pubsub-$VERSION/pubsub-server"
