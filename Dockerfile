# The gateway and the `holdfast` command in one image.
#
#   docker build --tag holdfast/gateway .
#
# `--target dev` is for Skaffold: the same paths and user, with a compiler in watch mode (docs/development.md).
# The same commit produces the same image, byte by byte, if the builder uses the commit's time
# (docs/image.md).

ARG BUILD_IMAGE=docker.io/library/node:26-trixie-slim
ARG RUN_IMAGE=gcr.io/distroless/cc-debian13:nonroot

# The input of npm: later stages only install again when one of these files changes.
FROM ${BUILD_IMAGE} AS manifests
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY apps/chat/package.json apps/chat/
COPY apps/cli/package.json apps/cli/
COPY apps/gateway/package.json apps/gateway/
COPY apps/operations/package.json apps/operations/
COPY libs/broadcast/package.json libs/broadcast/
COPY libs/client/package.json libs/client/
COPY libs/page/package.json libs/page/
COPY libs/protocol/package.json libs/protocol/
COPY libs/react/package.json libs/react/

# The runtime dependencies. Excludes the root's own dependencies, such as Node.js for `npm start`, and
# optional ones: vitest, an optional peer, would add its whole tree. No install script runs.
FROM manifests AS dependencies
RUN --mount=type=cache,target=/root/.npm,sharing=locked \
    npm ci --workspace apps/gateway --workspace apps/cli --omit dev --omit optional --ignore-scripts \
 && find node_modules -type d \( -name test -o -name tests -o -name 'benchmark*' -o -name .github \) -prune -exec rm -r {} + \
 && find node_modules -type f \( -name '*.map' -o -name '*.ts' -o -name '*.mts' -o -name '*.cts' \) -delete \
 && rm -r node_modules/.bin node_modules/.package-lock.json

FROM manifests AS build
RUN --mount=type=cache,target=/root/.npm,sharing=locked npm ci
COPY LICENSE tsconfig.json ./
COPY libs libs
COPY apps apps
RUN npm run build

# Node and its libraries that are missing in the run image, in this architecture's folder.
FROM ${BUILD_IMAGE} AS runtime
RUN mkdir -p /runtime/usr/local/bin /runtime/usr/lib \
 && cp /usr/local/bin/node /runtime/usr/local/bin/ \
 && cp -L /usr/lib/*-linux-gnu/libatomic.so.1 /runtime/usr/lib/ \
 && ln -s /app/apps/cli/bin/holdfast.js /runtime/usr/local/bin/holdfast

# The build output, without types and sources; the gateway as one file, which starts in half the time. The packages in that file
# also stay in node_modules, with their licences, for the command and for scanners. The run image has no `env` to
# find node, so the command's first line names its path.
FROM build AS output
RUN npm run bundle --workspace apps/gateway \
 && mkdir /output \
 && cp -r --parents LICENSE package.json apps/*/package.json libs/*/package.json apps/*/dist libs/*/dist apps/cli/bin /output/ \
 && mv /output/apps/gateway/dist /tmp/dist \
 && mv /tmp/dist/bundle /output/apps/gateway/dist \
 && find /output \( -name '*.d.ts' -o -name '*.map' -o -name '*.tsbuildinfo' \) -delete \
 && sed -i '1s|.*|#!/usr/local/bin/node|' /output/apps/cli/bin/holdfast.js

# For Skaffold: synced sources are compiled, and node restarts with the output, quickly and without a drain.
FROM build AS dev
RUN chown -R 65532:65532 apps libs
USER 65532:65532
EXPOSE 8000 8001
ENTRYPOINT ["sh", "-c", "node apps/gateway/dev/compile-changes.js apps/gateway libs/broadcast libs/protocol & exec node --watch --watch-path=apps/gateway/dist --watch-path=libs/broadcast/dist --watch-path=libs/protocol/dist --watch-preserve-output --watch-kill-signal=SIGKILL apps/gateway/dist/main.js"]

FROM ${RUN_IMAGE}
COPY --from=runtime /runtime /
COPY --from=dependencies /app/node_modules /app/node_modules
COPY --from=output /output /app
WORKDIR /app
ENV NODE_ENV=production
USER 65532:65532
EXPOSE 8000 8001
# A pod's CPU limit applies to all threads, so V8's marking threads would use the gateway's own time (docs/performance.md).
ENTRYPOINT ["/usr/local/bin/node", "--no-concurrent-marking", "/app/apps/gateway/dist/main.js"]

ARG RUN_IMAGE
ARG VERSION=dev
ARG REVISION
ARG SOURCE
LABEL org.opencontainers.image.title="Holdfast" \
      org.opencontainers.image.description="A WebSocket gateway for Kubernetes whose connections and messages hold fast" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="${RUN_IMAGE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}"
