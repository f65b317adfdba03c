# One image, several roles, named by the first argument: `run` (web server and scheduler in one),
# `serve`, `scheduler`, or any other command of `crossings`. Built and tested by scripts/image-check.
ARG BASE=python:3.13.9-slim-trixie

FROM ${BASE} AS build
WORKDIR /src
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_COMPILE=1
# The installer stays in this stage: the final image has no pip, setuptools or compiler.
RUN python -m venv /opt/installer && python -m venv --without-pip /opt/crossings
COPY requirements-image.txt ./
# To use another package index: `--secret id=pip,src=pip.conf`; no layer keeps it.
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    /opt/installer/bin/pip --python /opt/crossings/bin/python install \
        --only-binary :all: --no-deps --require-hashes --requirement requirements-image.txt \
    && /opt/installer/bin/pip --python /opt/crossings/bin/python check
COPY pyproject.toml README.md LICENSE ./
COPY forecast forecast
COPY service service
COPY series series
RUN /opt/installer/bin/pip --python /opt/crossings/bin/python install \
        --no-index --no-build-isolation --no-deps . \
    && /opt/installer/bin/pip --python /opt/crossings/bin/python uninstall --yes setuptools \
    # With the hash of the source instead of its time, so that the same lock gives the same bytes.
    && /opt/crossings/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash \
       /opt/crossings/lib

FROM ${BASE}
ARG BASE
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="channel-crossings-forecast" \
      org.opencontainers.image.description="Probability forecasts of daily small boat arrivals" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${BASE}"
RUN groupadd --system --gid 10001 crossings \
    && useradd --system --uid 10001 --gid 10001 --home-dir /nonexistent \
       --shell /usr/sbin/nologin crossings \
    && install --directory --owner crossings --group crossings \
       /var/lib/crossings /srv/crossings/models/fitted
COPY --from=build /opt/crossings /opt/crossings
COPY models /srv/crossings/models
WORKDIR /srv/crossings
# Only the two volumes, /tmp and /dev/shm are written to, so the root can be read-only.
ENV PATH=/opt/crossings/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MPLCONFIGDIR=/tmp/matplotlib \
    CROSSINGS_HOST=0.0.0.0 \
    CROSSINGS_PORT=8000 \
    CROSSINGS_VAR_DIR=/var/lib/crossings \
    CROSSINGS_MODELS_DIR=/srv/crossings/models
USER 10001:10001
VOLUME ["/var/lib/crossings", "/srv/crossings/models/fitted"]
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f\"http://127.0.0.1:{os.environ['CROSSINGS_PORT']}/livez\", timeout=4)"]
ENTRYPOINT ["crossings"]
CMD ["run"]
