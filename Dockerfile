# One static binary in an empty image: no shell, no package, no packer.
#
#   docker build -t bootstone .                            iPXE of Debian's package
#   docker build --build-arg ASSETS=files -t bootstone .   the files of boot-assets/, and no others
#   docker build --build-arg ASSETS=release --build-arg IPXE_URL=https://... \
#       --build-arg IPXE_SHA256=... -t bootstone .         a release archive of iPXE
#
# The build fails on a file without a published hash, and on one that differs from it
# (boot-assets/README.md). docs/ and README.md explain how to run the image.

ARG RUST_IMAGE=docker.io/library/rust:1.96-alpine
ARG DEBIAN_IMAGE=docker.io/library/debian:trixie-slim

# --- The boot files. No file that is in boot-assets/ already is replaced by another one.
FROM ${DEBIAN_IMAGE} AS assets
# package: the distribution's iPXE, each file compared with the package's own checksum.
# release: the archive at IPXE_URL. files: boot-assets/ as it is.
ARG ASSETS=package
# package: the version to insist on, as in 1.21.1+git20250501.dad20602+dfsg-1; empty for the current
# one. release: the version to record; empty for the one in a URL of GitHub's.
ARG IPXE_VERSION=
# release: a .tar.gz, by http or https.
ARG IPXE_URL=
# The archive is downloaded in a RUN, because not every builder knows ADD --checksum. It is not
# unpacked here: collect checks the hash first.
RUN set -eu; \
    add_packages() { \
        apt-get update; \
        DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"; \
    }; \
    case "$ASSETS" in \
        files) ;; \
        package) add_packages "ipxe${IPXE_VERSION:+=$IPXE_VERSION}" ;; \
        release) \
            if [ -z "$IPXE_URL" ]; then \
                echo "ASSETS=release needs IPXE_URL, the address of a .tar.gz" >&2; exit 1; \
            fi; \
            add_packages ca-certificates curl; \
            curl --fail --silent --show-error --location --proto =http,https --retry 3 \
                --max-filesize 268435456 --output /ipxe.tar.gz --url "$IPXE_URL" ;; \
        *) echo "ASSETS is $ASSETS. It must be package, release or files" >&2; exit 1 ;; \
    esac
# release: the SHA-256 of the archive as its publisher gives it.
ARG IPXE_SHA256=
# Which of the files to take, as in "ipxe.efi x86_64-sb/*"; empty for all that ALLOW allows.
ARG IPXE_FILES=
# If it is set, boot.ipxe chains there: http, https or tftp.
ARG BOOT_URL=
COPY boot-assets /boot-assets
RUN set -euf; \
    collect() { sh /boot-assets/collect --no-replace "$@"; }; \
    version=$(echo "$IPXE_URL" | sed -n 's|.*/releases/download/v\{0,1\}\([^/]*\)/.*|\1|p'); \
    version=${IPXE_VERSION:-$version}; \
    if [ "$ASSETS" = release ] && [ -z "$IPXE_SHA256" ]; then \
        echo "ASSETS=release needs IPXE_SHA256, the published hash of the archive" >&2; exit 1; \
    fi; \
    case "$ASSETS" in \
        package) collect $IPXE_FILES || { \
            echo "To embed files of your own and no others: --build-arg ASSETS=files" >&2; exit 1; \
        } ;; \
        release) collect --from /ipxe.tar.gz --sha256 "$IPXE_SHA256" \
            ${version:+--version "$version"} $IPXE_FILES ;; \
    esac; \
    if [ -n "$BOOT_URL" ]; then collect --boot-url "$BOOT_URL"; fi

# --- The binary.
FROM ${RUST_IMAGE} AS build
ENV CARGO_HOME=/cargo
WORKDIR /src
# The source of the standard library, which is built again below. It is the toolchain's own
# component or, if the compiler is Debian's, the package of the same version.
RUN set -eu; source=$(rustc --print sysroot)/lib/rustlib/src/rust/library/Cargo.lock; \
    if [ ! -e "$source" ] && command -v rustup >/dev/null; then \
        rustup component add rust-src; \
    elif [ ! -e "$source" ] && command -v dpkg-query >/dev/null; then \
        package=$(dpkg-query -S "$(command -v rustc)" | cut -d: -f1); \
        version=$(dpkg-query -W -f '${Version}' "$package"); \
        apt-get update; \
        DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends --reinstall \
            "$(echo "$package" | sed 's/^rustc\(.*\)/rust\1-src/')=$version"; \
    fi; \
    if [ ! -e "$source" ]; then \
        echo "There is no $source, and no rustup or apt-get: take another RUST_IMAGE" >&2; exit 1; \
    fi
# How cargo is called here. The standard library is compiled for size like the program, and without
# the part that turns addresses into the lines of a backtrace (a panic still gives its message and
# its place in the source). ARCHITECTURE.md says what this saves. That option of cargo counts as
# unstable, hence RUSTC_BOOTSTRAP. No path of the machine gets into the binary, and no unwinding
# tables, which panic = "abort" does not use.
RUN printf '%s\n' '#!/bin/sh' 'set -eu' \
    'sources=$(echo /cargo/registry/src/*/)' \
    'std=$(rustc --print sysroot)/lib/rustlib/src/rust/' \
    'export RUSTC_BOOTSTRAP=1' \
    'RUSTFLAGS="--remap-path-prefix=$sources= --remap-path-prefix=$std="' \
    'export RUSTFLAGS="$RUSTFLAGS --remap-path-prefix=/src/= -Cforce-unwind-tables=no"' \
    'target="--locked --target $(uname -m)-unknown-linux-musl"' \
    'std="-Zbuild-std=std,panic_abort -Zbuild-std-features=optimize_for_size"' \
    'exec cargo "$@" $target $std' > /build && chmod +x /build
# Features of cargo, as in "canary" (docs/canary.md).
ARG FEATURES=
# The dependencies are a layer of their own, which a new iPXE does not change.
COPY Cargo.toml Cargo.lock ./
RUN mkdir src && echo 'fn main() {}' | tee build.rs > src/main.rs && touch src/lib.rs && \
    /build fetch && \
    /build build --release --no-default-features --features "$FEATURES" && rm -r src build.rs
COPY build.rs ./
COPY build build
COPY src src
COPY --from=assets /boot-assets boot-assets
# Cargo compares the times of files, and the copied ones may be older than those they replace.
RUN touch build.rs src/lib.rs src/main.rs && \
    BOOTSTONE_REQUIRE_PUBLISHED=1 \
    /build build --release --no-default-features --features "$FEATURES" && \
    cp "target/$(uname -m)-unknown-linux-musl/release/bootstone" /bootstone
# A label cannot come from a file of the build. `collect --content-id` gives the id beforehand
# (boot-assets/README.md), and the build fails if it is not the binary's.
ARG CONTENT_ID=
RUN actual=$(/bootstone list --format json | sed -n 's/^  "content_id": "\(.*\)",$/\1/p'); \
    if [ -n "$CONTENT_ID" ] && [ "$CONTENT_ID" != "$actual" ]; then \
        echo "CONTENT_ID differs from the binary's: expected $CONTENT_ID, actual $actual" >&2; \
        exit 1; \
    fi

# --- The image.
# Podman 4.3 takes these labels from its cache although an argument has changed. For an image that
# is built already, give `--label NAME=VALUE` instead.
FROM scratch
ARG VERSION=
ARG REVISION=
ARG CONTENT_ID=
LABEL org.opencontainers.image.title="bootstone" \
      org.opencontainers.image.description="A read-only TFTP server with its boot files in it" \
      org.opencontainers.image.source="https://github.com/bootstone/bootstone" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      bootstone.content-id="${CONTENT_ID}"
COPY --from=build /bootstone /bootstone
# The program binds port 69 as root, then drops to user 65532 without a capability. With
# --user 65532:65532 it never is root; the container engine must then allow port 69 (Docker does).
USER 0:0
EXPOSE 69/udp
STOPSIGNAL SIGTERM
# Asks the first address of BOOTSTONE_LISTEN, or port 69. Builders of the OCI format leave this out.
HEALTHCHECK --interval=30s --timeout=5s CMD ["/bootstone", "health"]
ENTRYPOINT ["/bootstone"]
