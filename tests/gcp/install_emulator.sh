#!/bin/sh
# Put the BigQuery emulator into a virtual environment of its own (it pins an older DuckDB than ours), once.
# Usage: install_emulator.sh FOLDER [PYTHON]
set -eu
folder=${1:?usage: install_emulator.sh FOLDER [PYTHON]}
python=${2:-python3}
mark="$folder/.emulator-1.4.0"
[ -e "$mark" ] && exit 0
[ -x "$folder/bin/python" ] || "$python" -m venv "$folder"
"$folder/bin/python" -m pip install --quiet \
  bqemulator==1.4.0 numpy duckdb==1.5.5 duckdb-extensions==1.5.5 duckdb-extension-spatial==1.5.5
"$folder/bin/python" -c "from duckdb_extensions import import_extension; import_extension('spatial')"
: > "$mark"
