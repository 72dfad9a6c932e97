# Sekisho as an image: `make image`. Built with what is pinned by digest and by hash; runs as nobody in particular, on a
# read-only root, and holds no shell, no package manager, no pip.

# Debian 13 with CPython 3.13.15; the digest is that of the index of all architectures, as of 2026-09-30.
ARG BUILD_BASE=python:3.13.15-slim-trixie@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b
# Debian 13's own CPython 3.13.5 and the libraries it needs, and nothing else; also an index, as of 2026-09-15.
# Both must be the same minor version of Python and the same Debian: what the one compiles, the other loads.
ARG BASE=gcr.io/distroless/python3-debian13:nonroot@sha256:8ee214843129f43e2ebf5e0ca9f2e4e6d8292143d1b8a6787f169b5898578884

FROM ${BUILD_BASE} AS build
# A compiler, for this stage alone. Debian keeps one version of it at a time: a version pinned here would be gone with the
# next update, and what it makes is tested.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends binutils gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
# The same script as outside of Docker (`make image-tree`), and the only place where anything is installed.
RUN tools/image/install.sh /opt/sekisho /usr/bin/python3.13 \
    && install -d -m 0750 -o 65532 -g 65532 /out/var/lib/sekisho

FROM ${BASE}
COPY --from=build /opt/sekisho /opt/sekisho
# The one place that is written to, beside /tmp: the record. Mount a volume here.
COPY --from=build --chown=65532:65532 /out/var/lib/sekisho /var/lib/sekisho
ENV PATH=/opt/sekisho/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
# By number: Kubernetes can only tell from a number that it is not root.
USER 65532:65532
WORKDIR /var/lib/sekisho
# No HEALTHCHECK: Kubernetes does not look at it, the ports are configuration, and a gateway that denies with a reason is
# well. Ask GET /healthz and /readyz at the http door, as the chart's probes do.
EXPOSE 6432 8080 9090
ENTRYPOINT ["sekisho"]
CMD ["serve", "--config", "/etc/sekisho/sekisho.yaml"]
# Last, since they change with every commit.
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Sekisho" \
      org.opencontainers.image.description="Policy-as-code gateway on the way to a PostgreSQL database" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="gcr.io/distroless/python3-debian13:nonroot"
