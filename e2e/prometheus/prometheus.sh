#!/usr/bin/env bash
# prometheus.sh: builds Prometheus if it is missing, and prints its path. It needs Go, and 2.5 minutes on two idle cores. It has no pages, and
# discovers nothing but pods.
. "$(dirname "$0")/../../libs/broadcast/test/support/servers/common.sh"
VERSION=${PROMETHEUS_VERSION:-v0.316.0}
build_prometheus() {
  local output=$PWD module=github.com/prometheus/prometheus@$VERSION source
  # Inside of the module, because a module that depends on it would not have its replacements.
  source=$(go mod download -json "$module" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
  (cd "$source" && GOWORK=off CGO_ENABLED=0 GOFLAGS=-buildvcs=false \
    go build -tags remove_all_sd,enable_kubernetes_sd -o "$output/prometheus" ./cmd/prometheus)
}
once "prometheus-$VERSION" build_prometheus
echo "$CACHE/prometheus-$VERSION/prometheus"
