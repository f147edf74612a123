#!/bin/sh
# Secrets come as files; the registry reads its own from the environment, and the database's driver PGPASSWORD.
set -eu
secrets="${SECRETS_FOLDER:-/run/secrets}"
tools="${TOOLS_FOLDER:-/opt/puhui}"
home="${HOME_FOLDER:-/var/lib/puhui}"

if [ -f "$secrets/keystore_password" ]; then
  PUHUI_KEYSTORE_PASSWORD="$(cat "$secrets/keystore_password")"
  export PUHUI_KEYSTORE_PASSWORD
fi
if [ -f "$secrets/postgres_password" ]; then
  PGPASSWORD="$(cat "$secrets/postgres_password")"
  export PGPASSWORD
fi

case "${1:-}" in
genesis) shift && exec python "$tools/make_genesis.py" "$@" ;;
council) shift && exec python "$tools/council.py" --home "$home" "$@" ;;
*) exec puhui --home "$home" "$@" ;;
esac
