# The strikes worker: neither torch nor librdkafka. Build from the repository's root:
#   docker build -f deploy/strikes.Dockerfile -t chatwarden-strikes .
FROM python:3.12-slim AS tools
WORKDIR /src
COPY requirements/uv.txt requirements/build.txt requirements/
RUN pip install --no-cache-dir --require-hashes -r requirements/uv.txt -r requirements/build.txt \
 && python -m venv --without-pip /opt/chatwarden

# The image's user cannot write, so without byte code from here every start would compile again.
FROM tools AS dependencies
COPY requirements/strikes.txt requirements/
RUN VIRTUAL_ENV=/opt/chatwarden uv pip install --no-cache --compile-bytecode --require-hashes -r requirements/strikes.txt

FROM tools AS wheel
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY schemas schemas
COPY model model
COPY stream stream
RUN hatchling build -t wheel \
 && VIRTUAL_ENV=/opt/chatwarden uv pip install --no-cache --compile-bytecode --offline --no-deps dist/*.whl

FROM python:3.12-slim
LABEL org.opencontainers.image.title="chatwarden-strikes" org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin chatwarden \
 && python -m compileall -q -x '/tests?/|/lib2to3/' /usr/local/lib/python3.* \
 && install -d -o chatwarden /var/lib/chatwarden
# Two layers: the large one changes only with the lock file, ours with every release.
COPY --from=dependencies /opt/chatwarden /opt/chatwarden
COPY --from=wheel /opt/chatwarden/lib /opt/chatwarden/lib
COPY --from=wheel /opt/chatwarden/bin/chatwarden /opt/chatwarden/bin/
ENV PATH=/opt/chatwarden/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    CHATWARDEN__STRIKES__DATA_DIR=/var/lib/chatwarden/strikes
USER 10001
VOLUME /var/lib/chatwarden
EXPOSE 9464 9465
# The check runs inside the container, so the admin port may stay on loopback.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:9464/livez', timeout=2)"]
ENTRYPOINT ["chatwarden", "strikes"]
