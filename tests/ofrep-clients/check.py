"""PyPI's OpenFeature SDK with its OFREP provider: one request for each evaluation."""

import json
import sys
import urllib.request

from openfeature import api
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import Reason

FLAG = "git.clone.use_service_layer"
ACME = EvaluationContext("acme", {"plan": "free"})
phase, url, key, write = sys.argv[1:]


def put(on):
    body = json.dumps({"on": on, "reason": "test of the clients"}).encode()
    head = {"Authorization": f"Bearer {write}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}/api/v1/flags/{FLAG}", body, head, method="PUT")
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200, answer.status


def client(domain, headers):
    api.set_provider(OFREPProvider(url, headers_factory=lambda: headers), domain)
    return api.get_client(domain)


CLIENTS = [client("bearer", {"Authorization": f"Bearer {key}"}), client("name", {"X-API-Key": key})]


def holds(value, reason):
    for one in CLIENTS:
        details = one.get_boolean_details(FLAG, not value, ACME)
        assert details.error_code is None, details
        variant = "target" if value else "legacy"
        assert (details.value, details.variant, details.reason) == (value, variant, reason), details
        assert details.flag_metadata["rollout"] == "git-sandbox", details


def fails(one, flag, context, code):
    details = one.get_boolean_details(flag, False, context)
    assert (details.value, details.error_code) == (False, code), details


if phase == "killed":
    holds(False, Reason.DISABLED)
else:
    holds(True, Reason.STATIC)
    put(False)
    holds(False, Reason.DISABLED)
    put(True)
    holds(True, Reason.STATIC)
    fails(CLIENTS[0], "no.such.flag", ACME, ErrorCode.FLAG_NOT_FOUND)
    fails(CLIENTS[0], FLAG, EvaluationContext(None, {"plan": "free"}), ErrorCode.TARGETING_KEY_MISSING)
    fails(CLIENTS[0], FLAG, None, ErrorCode.TARGETING_KEY_MISSING)
    fails(client("wrong", {"X-API-Key": "wrong"}), FLAG, ACME, ErrorCode.GENERAL)
    assert CLIENTS[0].get_string_details(FLAG, "x", ACME).error_code == ErrorCode.TYPE_MISMATCH
print(f"openfeature-sdk of PyPI, {phase}: ok")
