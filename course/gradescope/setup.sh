#!/usr/bin/env bash
# Gradescope runs this once, as root, when it builds the machine: Python 3.11 or newer with hwlib
# in a folder of its own, and a user who may write nothing there.
set -euo pipefail
cd "$(dirname "$0")/.."
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install --yes --no-install-recommends python3 python3-venv
python=python3
if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then # Ubuntu 22.04
  python=python3.11
  apt-get install --yes --no-install-recommends python3.11 python3.11-venv
fi
"$python" -m venv env
wheel=(source/hwlib-*.whl)
env/bin/python -m pip install "${wheel[0]}[notebooks]" # what students have, who may import it
chmod -R a+rX env
id student > /dev/null 2>&1 || useradd --no-create-home --shell /usr/sbin/nologin student
