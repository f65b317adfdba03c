# One image, several roles: `run` (web server and scheduler), `serve`, `scheduler`, `refit`, and
# every other command of `crossings`.
FROM python:3.13-slim-trixie AS build
WORKDIR /src
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/crossings
COPY requirements.txt ./
RUN /opt/crossings/bin/pip install --only-binary :all: --require-hashes -r requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY forecast forecast
COPY service service
RUN /opt/crossings/bin/pip install --no-build-isolation --no-deps .

FROM python:3.13-slim-trixie
LABEL org.opencontainers.image.title="channel-crossings-forecast" \
      org.opencontainers.image.description="Probability forecasts of daily small boat arrivals" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --system --uid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin crossings \
    && install --directory --owner crossings --group crossings \
       /var/lib/crossings /srv/crossings/models/fitted
COPY --from=build /opt/crossings /opt/crossings
COPY models /srv/crossings/models
WORKDIR /srv/crossings
# Only the two volumes and /tmp are written, so the root may be read-only.
ENV PATH=/opt/crossings/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MPLCONFIGDIR=/tmp/matplotlib \
    CROSSINGS_HOST=0.0.0.0 \
    CROSSINGS_PORT=8000 \
    CROSSINGS_VAR_DIR=/var/lib/crossings \
    CROSSINGS_MODELS_DIR=/srv/crossings/models
USER 10001
VOLUME ["/var/lib/crossings", "/srv/crossings/models/fitted"]
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f\"http://127.0.0.1:{os.environ['CROSSINGS_PORT']}/livez\", timeout=4)"]
ENTRYPOINT ["crossings"]
CMD ["run"]
