# One static binary in an empty image: no shell, no package, no packer.
#
#   docker build -t bootstone .                            iPXE of Debian's package
#   docker build --build-arg ASSETS=files -t bootstone .   what you have put into boot-assets/, and nothing else
#
# A file without a published hash, and one that differs from it, fails the build (boot-assets/README.md).

ARG RUST_IMAGE=docker.io/library/rust:1.96-alpine
ARG DEBIAN_IMAGE=docker.io/library/debian:bookworm-slim

# --- The boot files. What you have put there yourself is never replaced in silence.
FROM ${DEBIAN_IMAGE} AS assets
# package: the distribution's iPXE, each file compared with the package's own checksums. files: boot-assets/ as it is.
ARG ASSETS=package
# The version of the package to insist on, as in 1.0.0+git-20190125.36a4c85-5.1; empty for the current one.
ARG IPXE_VERSION=
# Which of its files, as in "ipxe.efi undionly.kpxe"; empty for all that boot-assets/collect knows.
ARG IPXE_FILES=
RUN [ "$ASSETS" = files ] || { apt-get update && \
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "ipxe${IPXE_VERSION:+=$IPXE_VERSION}"; }
COPY boot-assets /boot-assets
RUN [ "$ASSETS" = files ] || { \
    mkdir /fresh && cp /boot-assets/SHA256SUMS /fresh/ && sh /boot-assets/collect --to /fresh $IPXE_FILES && \
    for file in $(cd /fresh && ls | grep -v ^SHA256SUMS); do \
        if [ -e "/boot-assets/$file" ] && ! cmp -s "/fresh/$file" "/boot-assets/$file"; then \
            echo "boot-assets/$file is not the package's. Remove it, or build with --build-arg ASSETS=files" >&2; exit 1; \
        fi; \
    done && sh /boot-assets/collect --to /boot-assets $IPXE_FILES; }

# --- The binary.
FROM ${RUST_IMAGE} AS build
ENV CARGO_HOME=/cargo
WORKDIR /src
# The source of the standard library, which is built anew below: as the toolchain's own component, or, where the compiler is
# Debian's, as the package of the same version.
RUN set -eu; source=$(rustc --print sysroot)/lib/rustlib/src/rust/library/Cargo.lock; \
    if [ ! -e "$source" ] && command -v rustup >/dev/null; then rustup component add rust-src; \
    elif [ ! -e "$source" ] && command -v dpkg-query >/dev/null; then \
        package=$(dpkg-query -S "$(command -v rustc)" | cut -d: -f1); version=$(dpkg-query -W -f '${Version}' "$package"); \
        apt-get update; DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends --reinstall \
            "$(echo "$package" | sed 's/^rustc\(.*\)/rust\1-src/')=$version"; \
    fi; \
    [ -e "$source" ] || { echo "There is no $source, and no rustup or apt-get to install it: take another RUST_IMAGE" >&2; exit 1; }
# How cargo is called here. The standard library is compiled for size like the program, and without what turns addresses into
# the lines of a backtrace (a panic still says what happened, and where in the source): together 350 kB. That option of cargo
# counts as unstable, hence the RUSTC_BOOTSTRAP. No path of the machine gets into the binary, and no tables for
# unwinding, for which panic = "abort" has no use.
RUN printf '%s\n' '#!/bin/sh' 'set -eu' \
    'sources=$(echo /cargo/registry/src/*/)' \
    'std=$(rustc --print sysroot)/lib/rustlib/src/rust/' \
    'export RUSTC_BOOTSTRAP=1' \
    'export RUSTFLAGS="--remap-path-prefix=$sources= --remap-path-prefix=$std= --remap-path-prefix=/src/= -Cforce-unwind-tables=no"' \
    'target="--locked --target $(uname -m)-unknown-linux-musl"' \
    'exec cargo "$@" $target -Zbuild-std=std,panic_abort -Zbuild-std-features=optimize_for_size' > /build && chmod +x /build
# The dependencies are a layer of their own: a new iPXE leaves it as it is.
COPY Cargo.toml Cargo.lock ./
RUN mkdir src && echo 'fn main() {}' | tee build.rs > src/main.rs && touch src/lib.rs && \
    /build fetch && /build build --release && rm -r src build.rs
COPY build.rs ./
COPY build build
COPY src src
COPY --from=assets /boot-assets boot-assets
# Cargo goes by the time of a file, and those copied may be older than the ones they replace.
RUN touch build.rs src/lib.rs src/main.rs && BOOTSTONE_REQUIRE_PUBLISHED=1 /build build --release && \
    cp "target/$(uname -m)-unknown-linux-musl/release/bootstone" /bootstone

# --- The image.
FROM scratch
ARG VERSION=
ARG REVISION=
# What `bootstone list --format json` gives as content_id.
ARG CONTENT_ID=
LABEL org.opencontainers.image.title="bootstone" \
      org.opencontainers.image.description="A read-only TFTP server whose boot files are compiled in" \
      org.opencontainers.image.source="https://github.com/bootstone/bootstone" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      bootstone.content-id="${CONTENT_ID}"
COPY --from=build /bootstone /bootstone
# Root for as long as it takes to bind port 69; then 65532, without a capability. As --user 65532:65532 the program
# never is root, where port 69 is to be had without (Docker allows it).
USER 0:0
EXPOSE 69/udp
STOPSIGNAL SIGTERM
ENTRYPOINT ["/bootstone"]
