# The commands of the runbook, for bash in this folder: . ./shortcuts.sh
set -a && . ./.env && set +a

# node SERVICE METHOD [PARAMS] | /PATH | age [SECONDS]: ask a node, inside its container
node() {
  docker compose exec -T "$1" bash /etc/puhui/node/node-call.sh "${@:2}"
}

# besu ...: the node's own tool, with this folder's configurations and the keys, in a container of its own
besu() {
  docker run --rm --network none --user 1000:1000 --read-only --tmpfs /tmp:exec \
    -v "$PWD/node:/etc/puhui/node:ro" -v "$NETWORK_FILES:/etc/puhui/network:ro" -v "$NODE_SECRETS:/run/secrets:ro" \
    --entrypoint /opt/besu/bin/besu "${BESU_IMAGE:-hyperledger/besu:26.9.0}" --data-path=/tmp/besu "$@"
}

# puhui ...: the registry's command line; starts nothing else
puhui() {
  docker compose run --rm --no-deps registry "$@"
}

# genesis ...: make_genesis.py; council ...: council.py
genesis() {
  docker compose run --rm --no-deps -T registry genesis "$@"
}
council() {
  docker compose run --rm --no-deps registry council "$@"
}
