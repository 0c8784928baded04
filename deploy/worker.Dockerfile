# The worker, and every other command but strikes. Build from the repository's root:
#   docker build -f deploy/worker.Dockerfile -t chatwarden .
# With what backtests, archives and the workshop need beside it:
#   docker build -f deploy/worker.Dockerfile -t chatwarden-workshop --build-arg REQUIREMENTS=workshop .
FROM python:3.12-slim AS build
ARG REQUIREMENTS=worker
WORKDIR /src
COPY requirements requirements
# The image's user may not write: byte code that is not compiled here is compiled again at every start.
RUN python -m venv --without-pip /opt/chatwarden \
 && pip install --no-cache-dir --require-hashes -r requirements/uv.txt -r requirements/build.txt \
 && VIRTUAL_ENV=/opt/chatwarden uv pip install --no-cache --compile-bytecode --require-hashes -r requirements/${REQUIREMENTS}.txt
COPY pyproject.toml README.md LICENSE ./
COPY schemas schemas
COPY model model
COPY stream stream
RUN hatchling build -t wheel \
 && VIRTUAL_ENV=/opt/chatwarden uv pip install --no-cache --compile-bytecode --offline --no-deps dist/*.whl

FROM python:3.12-slim
LABEL org.opencontainers.image.title="chatwarden" org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin chatwarden \
 && python -m compileall -q -x '/tests?/|/lib2to3/' /usr/local/lib/python3.*
COPY --from=build /opt/chatwarden /opt/chatwarden
# Serving loads files that a digest vouches for and nothing else.
ENV PATH=/opt/chatwarden/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HF_HUB_OFFLINE=1
USER 10001
EXPOSE 9464
ENTRYPOINT ["chatwarden"]
CMD ["run"]
