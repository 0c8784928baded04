# The worker, and every other command except strikes. Build from the repository's root:
#   docker build -f deploy/worker.Dockerfile -t chatwarden .
# With what backtests, archives and the workshop also need:
#   docker build -f deploy/worker.Dockerfile -t chatwarden-workshop --build-arg REQUIREMENTS=workshop .
FROM python:3.12-slim AS tools
WORKDIR /src
COPY requirements/uv.txt requirements/build.txt requirements/
RUN pip install --no-cache-dir --require-hashes -r requirements/uv.txt -r requirements/build.txt \
 && python -m venv --without-pip /opt/chatwarden

# The image's user cannot write, so without byte code from here every start would compile again.
FROM tools AS dependencies
ARG REQUIREMENTS=worker
COPY requirements/${REQUIREMENTS}.txt requirements/
RUN VIRTUAL_ENV=/opt/chatwarden uv pip install --no-cache --compile-bytecode --require-hashes -r requirements/${REQUIREMENTS}.txt

FROM tools AS wheel
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY schemas schemas
COPY model model
COPY stream stream
RUN hatchling build -t wheel \
 && VIRTUAL_ENV=/opt/chatwarden uv pip install --no-cache --compile-bytecode --offline --no-deps dist/*.whl

FROM python:3.12-slim
LABEL org.opencontainers.image.title="chatwarden" org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin chatwarden \
 && python -m compileall -q -x '/tests?/|/lib2to3/' /usr/local/lib/python3.*
# Two layers: the large one changes only with the lock file, ours with every release.
COPY --from=dependencies /opt/chatwarden /opt/chatwarden
COPY --from=wheel /opt/chatwarden/lib /opt/chatwarden/lib
COPY --from=wheel /opt/chatwarden/bin/chatwarden /opt/chatwarden/bin/
# Serving loads only files that are verified by digest.
ENV PATH=/opt/chatwarden/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HF_HUB_OFFLINE=1
USER 10001
EXPOSE 9464
ENTRYPOINT ["chatwarden"]
CMD ["run"]
