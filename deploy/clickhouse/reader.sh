#!/bin/sh
# Makes the reader, once, when the server starts on an empty folder. `ioc store migrate` grants it the board views.
set -eu
clickhouse client --user "$CLICKHOUSE_USER" --password "$CLICKHOUSE_PASSWORD" --param_password "$GRAFANA_READER_PASSWORD" --query "
  CREATE USER IF NOT EXISTS grafana IDENTIFIED WITH sha256_password BY {password:String} SETTINGS PROFILE 'board_reader'"
