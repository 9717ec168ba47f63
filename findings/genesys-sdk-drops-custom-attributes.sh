#!/usr/bin/env bash
# purecloudplatformclientv2 269.0.0, Genesys Cloud's own Python SDK: participant data of an Open Messaging message is dropped unsaid.
#
# Expected: data about a customer goes to Genesys in `channel.metadata.customAttributes` of the inbound message (Open Messaging, inbound
# messages), where flows and agents' scripts find it as participant data. A body with it, read and written by the SDK's own model
# OpenInboundNormalizedMessage, comes out as it went in, or is refused.
# What happens: the model of `channel.metadata` has `subType` alone. What is read into the model loses `customAttributes` without a word,
# and a caller who fills in the model cannot say it at all. The message is taken by Genesys, and the flow sees no data.
# Why it matters here: Waystate tells Genesys who the customer is, their tags and the ad they came by in just that place. So it writes the
# body itself, and uses the SDK only to check the rest of it (docs/decisions/0046).
#
# Exit code 0: it is still so. 1: it has changed. 2: it could not be tried.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv" || exit 2
"$folder/venv/bin/pip" install -qq --disable-pip-version-check purecloudplatformclientv2==269.0.0 || exit 2
# Without a configuration file of its own the SDK looks after the whole home folder.
mkdir -p "$folder/home/.genesyscloudpython"
printf '[general]\nlive_reload_config = False\n' > "$folder/home/.genesyscloudpython/config"
cd "$folder"
HOME="$folder/home" "$folder/venv/bin/python" -W ignore - <<'PY'
import json
from types import SimpleNamespace

import PureCloudPlatformClientV2 as sdk

body = {
    "channel": {
        "from": {"id": "customer-7", "idType": "Opaque"},
        "time": "2026-11-20T12:00:00.000Z",
        "messageId": "wamid.example",
        "metadata": {"customAttributes": {"customer_tags": "vip"}},
    },
    "text": "Hello",
}
client = sdk.api_client.ApiClient(host="http://localhost")
answer = SimpleNamespace(data=json.dumps(body), getheader=lambda _: "application/json")
message = client.deserialize(answer, "OpenInboundNormalizedMessage")
written = client.sanitize_for_serialization(message)
print("given:  channel.metadata =", json.dumps(body["channel"]["metadata"]))
print("written: channel.metadata =", json.dumps(written["channel"].get("metadata")))
print("fields of its model:", ", ".join(sdk.ConversationChannelMetadata().attribute_map.values()))
is_kept = "customAttributes" in json.dumps(written)
raise SystemExit(1 if is_kept or written["text"] != "Hello" else 0)
PY
