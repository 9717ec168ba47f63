#!/usr/bin/env bash
# pywa 4.5.0: the expiry of a limited-time offer, given as a datetime, is sent in seconds in a field that counts milliseconds.
#
# Expected: a template's `limited_time_offer` parameter has `expiration_time_ms`, Unix time in milliseconds (WhatsApp Cloud API, limited
# time offer templates). Given a datetime, a client writes 1,000 times its Unix seconds.
# What happens: the datetime's seconds are written as they are. By the name of the field the offer ended in January 1970, so the phone
# shows an offer that is over, or the API refuses it, after the template's own check has passed.
# Why it matters here: bodies of other clients are what our own models are compared with. Waystate refuses an expiry that is too small to be
# in milliseconds, with a sentence that says so, before the message is sent.
#
# Exit code 0: it is still so. 1: it has changed. 2: it could not be tried.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv" || exit 2
"$folder/venv/bin/pip" install -qq --disable-pip-version-check pywa==4.5.0 || exit 2
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import json
from datetime import UTC, datetime

from pywa.types.templates import LimitedTimeOffer

at = datetime(2030, 1, 1, tzinfo=UTC)
offer = LimitedTimeOffer(text="Spring sale", has_expiration=True)
sent = json.loads(json.dumps(offer.params(expiration_time=at).to_dict()))
found = sent["parameters"][0]["limited_time_offer"]["expiration_time_ms"]
print("given:", at.isoformat())
print("sent: expiration_time_ms =", found, "which is", datetime.fromtimestamp(found / 1000, UTC).isoformat())
raise SystemExit(0 if found == int(at.timestamp()) else 1)
PY
