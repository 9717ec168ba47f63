"""The data plane's operations as the OpenAPI document shows them; the lane serves them without the framework."""

from typing import Any

from waystate.state.bodies import ChangeStatus, Correlate, Correlated, Mapping, MessageTracked, StatusChanged, TrackMessage
from waystate.web.openapi import Operation, Parameter

_TENANT = Parameter(
    name="X-Tenant-ID",
    place="header",
    required=False,
    description="Must name the tenant of the key. In trusted mode it is enough by itself.",
    example="demo-tenant-001",
)
_SIGNATURE = Parameter(name="X-Hub-Signature-256", place="header", description="HMAC-SHA256 over the raw body")

OPERATIONS = (
    Operation(
        method="GET",
        path="/state/mapping/{waId}",
        summary="The open conversation of a WhatsApp user; opened where there is none",
        description="Looking up is no activity: it keeps no conversation open.",
        parameters=(
            Parameter(name="waId", description="+919…, 919… or a business-scoped user id", example="+919876543210"),
            Parameter(
                name="phoneNumberId",
                place="query",
                required=False,
                description="Which number; else the latest open conversation, else the default number",
            ),
            _TENANT,
        ),
        responses={200: Mapping},
        problems={400: "The waId is no phone number and no user id", 404: "The number is not the tenant's"},
    ),
    Operation(
        method="GET",
        path="/state/conversation/{conversationId}",
        summary="A conversation by Genesys' id or Waystate's own",
        parameters=(Parameter(name="conversationId"), _TENANT),
        responses={200: Mapping},
        problems={404: "No conversation has this id"},
    ),
    Operation(
        method="POST",
        path="/state/message",
        summary="Record a message that somebody else carries",
        description="It only tracks, it never sends. The same id again, of either platform, answers 200 and `created: false`; "
        "what is told anew, the other id or a later status, is added.",
        parameters=(_TENANT,),
        request=TrackMessage,
        responses={201: MessageTracked, 200: MessageTracked},
        problems={
            404: "No conversation has this id",
            409: "The ids contradict what is known of the message",
            422: "A field is missing or wrong",
        },
    ),
    Operation(
        method="PATCH",
        path="/state/message/{messageId}",
        summary="Advance a message's status, by wamid, Genesys id or Waystate's own",
        parameters=(Parameter(name="messageId", example="wamid.test123"), _TENANT),
        request=ChangeStatus,
        responses={200: StatusChanged},
        problems={
            404: "No message has this id",
            409: "A status does not go backwards, or Waystate is about to pass the message on itself",
            422: "No such status",
        },
    ),
    Operation(
        method="POST",
        path="/state/correlation",
        summary="Attach Genesys' ids to the conversation of a message",
        parameters=(_TENANT,),
        request=Correlate,
        responses={200: Correlated},
        problems={404: "No message has this wamid"},
    ),
    Operation(
        method="GET",
        path="/webhooks/whatsapp/{appId}",
        summary="Meta's verification of the callback",
        tag="Webhooks",
        parameters=(
            Parameter(name="appId"),
            Parameter(name="hub.mode", place="query", example="subscribe"),
            Parameter(name="hub.challenge", place="query"),
            Parameter(name="hub.verify_token", place="query"),
        ),
        responses={200: None},
        problems={403: "The app or the token is not the configured one"},
        is_public=True,
    ),
    Operation(
        method="POST",
        path="/webhooks/whatsapp/{appId}",
        summary="A webhook of Meta: durable before it is answered",
        tag="Webhooks",
        parameters=(Parameter(name="appId"), _SIGNATURE),
        request=dict[str, Any],
        responses={200: dict[str, Any]},
        problems={401: "The signature does not fit", 413: "Over 4 MiB", 503: "Not durable now; send again"},
        is_public=True,
    ),
    Operation(
        method="POST",
        path="/webhooks/genesys/{integrationId}",
        summary="An outbound message of Genesys: durable before it is answered",
        tag="Webhooks",
        parameters=(Parameter(name="integrationId"), _SIGNATURE),
        request=dict[str, Any],
        responses={200: dict[str, Any]},
        problems={401: "The signature does not fit", 413: "Over 4 MiB", 503: "Not durable now; send again"},
        is_public=True,
    ),
)
