#!/bin/sh
# Spark with its Thrift server, in a virtual environment of its own: tests/sql/install_spark.sh FOLDER
# Needs Java 17 or newer to run, and half a gigabyte of disk. Does nothing where it is there already.
set -eu
folder=${1:?usage: install_spark.sh FOLDER}
version=4.3.0
python=${PYTHON:-python3}
if [ -x "$folder/bin/spark-submit" ] && "$folder/bin/python" -c "import pyspark; assert pyspark.__version__ == '$version'" 2>/dev/null
then
  exit 0
fi
"$python" -m venv "$folder"
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check "pyspark==$version"
