# syntax=docker/dockerfile:1
# docker build --target cpu  .   the web server and the default worker, and training on processors
# docker build --target cuda .   the GPU worker (needs NVIDIA's container toolkit on the host)
FROM python:3.11-slim-bookworm AS start
RUN useradd --create-home --uid 1000 rondo \
    && mkdir -p /srv/rondo/var /srv/rondo/artifacts \
    && chown -R rondo:rondo /srv/rondo
WORKDIR /srv/rondo
COPY --chown=rondo:rondo pyproject.toml constraints.txt ./
RUN python -m venv .venv && .venv/bin/pip install --no-cache-dir "$(grep '^uv==' constraints.txt)"
ENV PATH=/srv/rondo/.venv/bin:$PATH PYTHONUNBUFFERED=1 RONDO_VAR=/srv/rondo/var

FROM python:3.11-bookworm AS loops
COPY annotation/domain/elo_loop.c .
RUN cc -O2 -ffp-contract=off -shared -fPIC -o /rondo_elo.so elo_loop.c -lm

FROM start AS cpu
RUN UV_TORCH_BACKEND=cpu uv pip install --no-cache --python .venv -c constraints.txt -r pyproject.toml
COPY --from=loops /rondo_elo.so .venv/lib/
COPY --chown=rondo:rondo . .
USER rondo
RUN SECRET_KEY=only-for-collecting-static-files-00000000000000000000 python manage.py collectstatic --noinput
EXPOSE 8000
CMD ["gunicorn", "-c", "python:webapp.gunicorn", "webapp.wsgi"]

FROM start AS cuda
RUN UV_TORCH_BACKEND=cu130 uv pip install --no-cache --python .venv -c constraints.txt \
    -r pyproject.toml --extra qlora
COPY --chown=rondo:rondo . .
USER rondo
CMD ["python", "manage.py", "work", "--queue", "gpu"]
