"""A tenant's own OpenID Connect provider, and whom it may let in. Pure."""

import re
from typing import Annotated, Literal, NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from waystate.documents import JsonObject
from waystate.errors import Forbidden
from waystate.principal import Role
from waystate.tenants.model import Secret, Word, check_url

_DOMAIN = re.compile(r"(?=.{4,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+")
# ASCII alone: some other letters become a-z in lower case, and so somebody else's address.
_EMAIL = re.compile(r"[!-?A-~]+@[A-Za-z0-9.-]+")
_LONGEST_EMAIL, _LONGEST_NAME, _LONGEST_SUBJECT = 254, 200, 255


def check_endpoint(value: str) -> str:
    """A URL that this process itself calls, or sends a browser to."""
    check_url(value)
    parts = urlsplit(value)
    if not parts.hostname or "@" in parts.netloc or parts.fragment or not value.isascii() or not value.isprintable():
        raise ValueError("must be a whole URL without a user, a fragment or spaces")
    if " " in value or len(value) > 2000:
        raise ValueError("must be a URL of at most 2000 characters without spaces")
    return value


def _check_issuer(value: str) -> str:
    check_endpoint(value)
    if "?" in value:
        raise ValueError("must be the issuer as the provider's own document writes it, without a '?'")
    return value


def _check_domain(value: str) -> str:
    value = value.strip().lower()
    if _DOMAIN.fullmatch(value) is None:
        raise ValueError("must be a domain such as example.com, without '@'")
    return value


Issuer = Annotated[str, AfterValidator(_check_issuer)]
"""Kept as it is: a token's `iss` must be the same to the character, and some end with a slash."""
Domain = Annotated[str, StringConstraints(max_length=253), AfterValidator(_check_domain)]
JoiningRole = Literal[Role.ADMIN, Role.SUPERVISOR, Role.AGENT, Role.VIEWER]
"""Owners are made by owners alone."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True)


class ProviderSettings(_Value):
    allowed_domains: Annotated[tuple[Domain, ...], Field(max_length=100)] = ()
    """Only e-mail addresses of these domains may log in; none named, and the provider alone decides."""

    default_role: JoiningRole | None = None
    """What a person becomes who comes for the first time. None: only who is a member already may log in."""


class IdentityProvider(_Value):
    issuer: Issuer
    client_id: Word
    client_secret: Secret
    settings: ProviderSettings = ProviderSettings()


class ProvenIdentity(NamedTuple):
    """Whom the provider's token speaks of. `email` is in lower case, and verified by the provider."""

    subject: str
    email: str
    name: str


class Standing(NamedTuple):
    """What is known here of a person. `role` is None for who is no member of this tenant, `subject` for who is not linked."""

    user_id: UUID
    status: Literal["invited", "active", "disabled"]
    role: Role | None = None
    subject: str | None = None
    is_member_elsewhere: bool = False


class Admission(NamedTuple):
    """How a person comes in. `user_id` None: a new person; `joins_as`: a new member; `links`: the subject is kept."""

    user_id: UUID | None
    joins_as: Role | None = None
    links: bool = False
    activates: bool = False


def read_provider_settings(stored: JsonObject) -> ProviderSettings:
    """A key that a newer release wrote is ignored, since releases N and N-1 run side by side."""
    return ProviderSettings.model_validate(stored, extra="ignore")


def identity_of(claims: JsonObject) -> ProvenIdentity:
    """From the claims of a token that was found to be good."""
    subject, email = claims.get("sub"), claims.get("email")
    if not isinstance(subject, str) or not 0 < len(subject) <= _LONGEST_SUBJECT or not subject.isprintable():
        raise Forbidden(
            "identity_unusable", "The identity provider names nobody in `sub`. Its administrator must correct the application."
        )
    if not isinstance(email, str) or len(email) > _LONGEST_EMAIL or _EMAIL.fullmatch(email) is None:
        raise Forbidden(
            "email_missing",
            "The identity provider gave no e-mail address that can be used. Its administrator must release the claim `email` "
            "to this application.",
        )
    if not _is_verified(claims):
        raise Forbidden(
            "email_not_verified",
            "The identity provider does not say that your e-mail address is verified. Verify it there, or have its "
            "administrator release the claim `email_verified`.",
        )
    return ProvenIdentity(subject, email.lower(), _name(claims) or email.lower())


def check_domain(identity: ProvenIdentity, settings: ProviderSettings) -> None:
    if settings.allowed_domains and identity.email.rpartition("@")[2] not in settings.allowed_domains:
        raise Forbidden(
            "domain_not_allowed",
            "Addresses of your e-mail domain may not log in here. Use your organisation's address, or ask an owner.",
        )


def decide_entry(
    identity: ProvenIdentity, settings: ProviderSettings, linked: Standing | None, known: Standing | None
) -> Admission:
    """`linked` is the member this subject stands for, `known` the person of this e-mail address."""
    check_domain(identity, settings)
    person = linked or known
    if person is not None and person.status == "disabled":
        raise Forbidden("person_disabled", "You may not log in any more. Ask an administrator of the tenant.")
    if linked is not None:
        return Admission(linked.user_id, activates=linked.status == "invited")
    if known is not None and known.role is not None:
        if known.subject is not None:
            raise Forbidden(
                "linked_to_another",
                "Your e-mail address belongs to another account of the identity provider. Ask an administrator of the tenant "
                "to remove that member, then to invite you again.",
            )
        return Admission(known.user_id, links=True, activates=known.status == "invited")
    # A provider speaks for its own tenant: it must not draw in, or find out about, people of another.
    if settings.default_role is None or (known is not None and known.is_member_elsewhere):
        raise Forbidden("not_a_member", "You are no member of this tenant. Ask one of its administrators to invite you.")
    activates = known is not None and known.status == "invited"
    return Admission(
        None if known is None else known.user_id, joins_as=Role(settings.default_role), links=True, activates=activates
    )


def _is_verified(claims: JsonObject) -> bool:
    """Entra ID has no `email_verified`; its `xms_edov` says that the owner of the address's domain was verified."""
    return claims.get("email_verified") is True or claims.get("xms_edov") in (True, "1", "true")


def _name(claims: JsonObject) -> str:
    name = claims.get("name")
    if not isinstance(name, str):
        return ""
    return "".join(each for each in name if each.isprintable())[:_LONGEST_NAME].strip()
