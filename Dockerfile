# SPDX-License-Identifier: Apache-2.0
#
# Builds and tests accelio-go, and makes a small image with xio_server and
# xio_client that runs as an ordinary user.
#
#   docker build -t accelio-go .
#   docker run --rm accelio-go xio_client -local -n 200000
#
# The programs carry the embedded engine. To link a system libxio instead, put
# its installation (include/ and lib/) into the build context as accelio-prefix/
# and say where it shall stand in the images:
#
#   docker build --build-arg ACCELIO_PREFIX=/opt/accelio -t accelio-go:libxio .

ARG GO_VERSION=1.26
ARG DEBIAN=bookworm

FROM golang:${GO_VERSION}-${DEBIAN} AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends gcc libc6-dev binutils pkg-config \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .

ARG ACCELIO_PREFIX=
RUN set -eu; \
    mkdir -p /out/bin /out/rootfs; \
    if [ -n "$ACCELIO_PREFIX" ]; then \
        mkdir -p "$ACCELIO_PREFIX" "/out/rootfs$ACCELIO_PREFIX/lib"; \
        cp -a accelio-prefix/. "$ACCELIO_PREFIX/"; \
        cp -a "$ACCELIO_PREFIX"/lib/libxio.so* "/out/rootfs$ACCELIO_PREFIX/lib/"; \
        export ACCELIO_PREFIX; \
        ./scripts/build-accelio.sh --check; \
        export CGO_CFLAGS="-I$ACCELIO_PREFIX/include"; \
        export CGO_LDFLAGS="-L$ACCELIO_PREFIX/lib -Wl,-rpath,$ACCELIO_PREFIX/lib"; \
        tags=libxio; \
    else \
        tags=; \
    fi; \
    go vet -tags "$tags" ./...; \
    go test -tags "$tags" ./...; \
    go build -tags "$tags" -trimpath -o /out/bin ./examples/xio_server ./examples/xio_client

FROM debian:${DEBIAN}-slim
RUN useradd --system --no-create-home --uid 10001 xio
COPY --from=build /out/rootfs/ /
COPY --from=build /out/bin/ /usr/local/bin/
COPY LICENSE /usr/share/doc/accelio-go/LICENSE
USER xio
EXPOSE 1234
# A program shows here whether it runs at all, engine included.
RUN ["xio_client", "-local", "-n", "1000"]
STOPSIGNAL SIGINT
CMD ["xio_server", "-addr", "0.0.0.0", "-port", "1234"]
