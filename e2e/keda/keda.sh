#!/usr/bin/env bash
# keda.sh: builds KEDA's operator and metrics adapter if they are missing, and prints the folder that has them, with KEDA's manifests in config/.
# It needs Go, and 8 minutes on two idle cores.
. "$(dirname "$0")/../../libs/broadcast/test/support/servers/common.sh"
VERSION=${KEDA_VERSION:-v2.21.0}
build_keda() {
  local output=$PWD module=github.com/kedacore/keda/v2@$VERSION source
  # Inside of the module, because a module that depends on it would not have its replacements.
  source=$(go mod download -json "$module" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
  cd "$source"
  export GOWORK=off CGO_ENABLED=0 GOFLAGS="${GOFLAGS:-} -buildvcs=false"
  go build -ldflags '-s -w' -o "$output/keda" ./cmd/operator
  go build -ldflags '-s -w' -o "$output/keda-adapter" ./cmd/adapter
  # Files of a module are read-only.
  cp -R config "$output"
  chmod -R u+w "$output/config"
}
once "keda-$VERSION" build_keda
echo "$CACHE/keda-$VERSION"
