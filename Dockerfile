# SPDX-License-Identifier: Apache-2.0
#
# Builds and tests accelio-go, and makes a small image with xio_server, xio_client
# and xioperf that runs as an ordinary user.
#
#   docker build -t accelio-go .
#   docker run --rm accelio-go xio_client -local -n 200000
#   docker compose up --abort-on-container-exit     # a server and a client
#
# The programs carry the embedded engine. To link a system libxio instead, put its
# installation (include/ and lib/) into the build context as accelio-prefix/ and say
# where it shall stand in the images:
#
#   docker build --build-arg ACCELIO_PREFIX=/opt/accelio \
#     --build-arg ACCELIO_PACKAGES=libnuma1 -t accelio-go:libxio .
#
# where ACCELIO_PACKAGES are the Debian packages that this libxio is linked with (for
# one with RDMA also librdmacm1 and ibverbs-providers).
#
# --build-arg TESTS= builds without the tests; TESTS="./xio ./pool" runs some.

ARG GO_VERSION=1.26
ARG DEBIAN=bookworm

FROM golang:${GO_VERSION}-${DEBIAN} AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends gcc g++ libc6-dev binutils pkg-config \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# What is downloaded stays the same while only sources change.
COPY go.mod go.sum ./
COPY cmd/xioperf/go.mod cmd/xioperf/go.sum cmd/xioperf/
RUN go mod download && cd cmd/xioperf && go mod download
COPY . .

ARG ACCELIO_PACKAGES=
RUN if [ -n "$ACCELIO_PACKAGES" ]; then \
        apt-get update \
     && apt-get install -y --no-install-recommends $ACCELIO_PACKAGES \
     && rm -rf /var/lib/apt/lists/*; \
    fi
ARG ACCELIO_PREFIX=
ARG TESTS=./...
RUN set -eu; \
    mkdir -p /out/usr/local/bin; \
    tags=; \
    if [ -n "$ACCELIO_PREFIX" ]; then \
        mkdir -p "$ACCELIO_PREFIX" "/out$ACCELIO_PREFIX/lib"; \
        cp -a accelio-prefix/. "$ACCELIO_PREFIX/"; \
        cp -a "$ACCELIO_PREFIX"/lib/libxio.so* "/out$ACCELIO_PREFIX/lib/"; \
        export ACCELIO_PREFIX; \
        ./scripts/build-accelio.sh --check; \
        export CGO_CFLAGS="-I$ACCELIO_PREFIX/include"; \
        export CGO_LDFLAGS="-L$ACCELIO_PREFIX/lib -Wl,-rpath,$ACCELIO_PREFIX/lib"; \
        tags=libxio; \
    fi; \
    if [ -n "$TESTS" ]; then go test -tags "$tags" $TESTS; fi; \
    go build -tags "$tags" -trimpath -o /out/usr/local/bin ./examples/xio_server ./examples/xio_client; \
    cd cmd/xioperf && go build -tags "$tags" -trimpath -o /out/usr/local/bin .

FROM debian:${DEBIAN}-slim
ARG ACCELIO_PACKAGES=
RUN if [ -n "$ACCELIO_PACKAGES" ]; then \
        apt-get update \
     && apt-get install -y --no-install-recommends $ACCELIO_PACKAGES \
     && rm -rf /var/lib/apt/lists/*; \
    fi
RUN useradd --no-create-home --shell /usr/sbin/nologin --uid 10001 xio
COPY --from=build /out/ /
COPY LICENSE /usr/share/doc/accelio-go/LICENSE
USER 10001
EXPOSE 1234
# A program shows here whether it runs at all, engine included.
RUN ["xio_client", "-local", "-n", "1000"]
STOPSIGNAL SIGINT
CMD ["xio_server", "-addr", "0.0.0.0", "-port", "1234"]
