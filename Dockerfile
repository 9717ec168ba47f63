# Waystate in a container: docs/how-to/install.md. It runs as a user of its own and writes to /var/lib/waystate alone.
FROM python:3.11-slim-bookworm AS build
WORKDIR /build
COPY requirements.lock ./
# What the lock names, each file checked by its hash; all that follows is installed from these files and from nowhere else.
RUN pip download --quiet --require-hashes --requirement requirements.lock --dest wheels
ENV PIP_NO_INDEX=1 PIP_FIND_LINKS=/build/wheels
COPY pyproject.toml README.md LICENSE ./
COPY waystate waystate
RUN pip wheel --quiet --no-deps --wheel-dir dist . \
    && python -m venv --without-pip /usr/local/lib/waystate \
    && pip --python /usr/local/lib/waystate/bin/python install --quiet --no-cache-dir dist/waystate-*.whl

FROM python:3.11-slim-bookworm
RUN groupadd --gid 10001 waystate \
    && useradd --uid 10001 --gid waystate --no-create-home --home-dir /var/lib/waystate --shell /usr/sbin/nologin waystate \
    && install --directory --owner=waystate --group=waystate --mode=0700 /var/lib/waystate
COPY --from=build /usr/local/lib/waystate /usr/local/lib/waystate
# HEALTH_PORT is where `work`, `relay` and `timers` answer, so that one check fits every command.
ENV PATH=/usr/local/lib/waystate/bin:$PATH WAYSTATE_HOME=/var/lib/waystate HOST=0.0.0.0 PORT=3005 HEALTH_PORT=3005
# By its number, so that an orchestrator can see that it is not root.
USER 10001:10001
VOLUME /var/lib/waystate
EXPOSE 3005
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import http.client, os; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['PORT']), timeout=4); c.request('GET', '/health/live'); raise SystemExit(c.getresponse().status != 200)"]
ENTRYPOINT ["waystate"]
CMD ["serve"]
