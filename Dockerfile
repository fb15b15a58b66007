# The project as an image, for Kubernetes: make image. Debian 12 with Python 3.11, nothing of CUDA: torch's wheel from
# PyPI brings its own (CUDA 13), the NVIDIA container toolkit the driver's libraries; the driver must be 580 or later.
FROM python:3.11-slim-bookworm

# wget: KubeRay asks with it whether a pod is well.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends wget \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 ray

WORKDIR /home/ray/sweep
# What seldom changes first: the environment is one layer, some 6 GB, that is pulled once per machine.
COPY constraints.txt pyproject.toml README.md LICENSE ./
RUN mkdir sweep trainables search_spaces experiments \
    && pip install --no-cache-dir --constraint constraints.txt --editable ".[aws]"
COPY --chown=ray sweep sweep
COPY --chown=ray trainables trainables
COPY --chown=ray search_spaces search_spaces
COPY --chown=ray experiments experiments

ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility RAY_USAGE_STATS_ENABLED=0
USER ray
