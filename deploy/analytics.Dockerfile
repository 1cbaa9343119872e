# The image of analytics. Up to the last stage, the Dockerfiles in this folder have the same text, so building them one after
# the other compiles the workspace once and takes it from the layer cache after that. There are no cache mounts, as not every
# builder in a minikube supports them. The base is pinned by version; a digest would tie it to one registry's copy.
FROM rust:1.95.0-slim-bookworm AS chef
WORKDIR /vigia
RUN cargo install cargo-chef --version 0.1.78 --locked

# What the workspace depends on, without its own code: a layer that does not change until a dependency does.
FROM chef AS plan
COPY Cargo.toml Cargo.lock ./
COPY analytics analytics
COPY benches benches
COPY dashboard-ui dashboard-ui
COPY deploy/checks deploy/checks
COPY deploy/standalone deploy/standalone
COPY shared shared
COPY simulator simulator
RUN cargo chef prepare

FROM chef AS builder
COPY --from=plan /vigia/recipe.json .
RUN cargo chef cook --release --locked --package analytics --package dashboard-ui --package simulator
COPY Cargo.toml Cargo.lock ./
COPY analytics analytics
COPY benches benches
COPY dashboard-ui dashboard-ui
COPY deploy/checks deploy/checks
COPY deploy/standalone deploy/standalone
COPY shared shared
COPY simulator simulator
RUN cargo build --release --locked --package analytics --package dashboard-ui --package simulator \
    && mkdir /programs \
    && mv target/release/analytics target/release/dashboard target/release/simulator /programs

# The root of an image: the libraries that the programs are linked with, the certificates that the system trusts, a user, and
# Debian's records of the packages they come from, which scanners look for. No shell, no package manager.
WORKDIR /root-of-image
RUN mkdir -p etc var/lib/dpkg/status.d \
    && ldd /programs/* >/tmp/libraries \
    && for file in $(grep -o '/lib[^ ]*' /tmp/libraries) /etc/ssl/certs/ca-certificates.crt; do \
        cp --dereference --parents "$file" . || exit 1; \
    done \
    && for package in libc6 libgcc-s1 ca-certificates; do \
        dpkg --status "$package" >"var/lib/dpkg/status.d/$package" \
        && cp --parents "/usr/share/doc/$package/copyright" . || exit 1; \
    done \
    && cp --dereference /etc/os-release etc/os-release \
    && echo 'hosts: files dns' >etc/nsswitch.conf \
    && echo 'vigia:x:65532:65532::/:/usr/sbin/nologin' >etc/passwd \
    && echo 'vigia:x:65532:' >etc/group

FROM scratch
LABEL org.opencontainers.image.title="analytics" \
      org.opencontainers.image.description="Drains the stream of readings and answers windowed metrics over HTTP" \
      org.opencontainers.image.vendor="Vigía" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
COPY --from=builder /root-of-image /
COPY --from=builder /programs/analytics /usr/bin/analytics
USER 65532:65532
EXPOSE 8000
# Shuts down cleanly within 5 s: commits what it has read and releases the stream.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["/usr/bin/analytics", "health"]
ENTRYPOINT ["/usr/bin/analytics"]
