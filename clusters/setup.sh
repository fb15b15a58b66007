#!/usr/bin/env bash
# Python 3.11 and what the project needs, in ~/sweep-env, in the versions of constraints.txt. Run on each machine of a
# cluster (Ubuntu or Debian with curl; no root, nothing of the machine's own Python is touched); the second time it does
# nothing unless pyproject.toml or constraints.txt are other ones. torch from PyPI is the CUDA build on Linux.
set -euo pipefail
project=$(realpath "$(dirname "$0")/..")
environment=~/sweep-env
uv=0.13.9

if ! cat "$project"/{pyproject.toml,constraints.txt} | cmp --silent - "$environment/made-from"; then
    if [ "$(~/.local/bin/uv --version 2>/dev/null | cut -d' ' -f2)" != "$uv" ]; then
        curl --location --silent --show-error --fail --retry 5 "https://astral.sh/uv/$uv/install.sh" |
            UV_INSTALL_DIR=~/.local/bin UV_NO_MODIFY_PATH=1 sh
    fi
    ~/.local/bin/uv venv --allow-existing --python 3.11 "$environment"
    ~/.local/bin/uv pip install --python "$environment" --constraint "$project/constraints.txt" --editable "${project}[aws]"
    cat "$project"/{pyproject.toml,constraints.txt} >"$environment/made-from"
fi

# Every shell that Ray opens reads this: the environment comes first, and nothing joins the cluster without its token.
# shellcheck disable=SC2016
line='export PATH=$HOME/sweep-env/bin:$PATH RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0'
grep --quiet --line-regexp --fixed-strings "$line" ~/.bashrc 2>/dev/null || echo "$line" >>~/.bashrc
