"""Bodies and answers of the operations on people."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field, PlainSerializer

from waystate.clock import iso
from waystate.documents import JsonObject
from waystate.ids import TENANT_ID_PATTERN
from waystate.people.model import Member, Status
from waystate.people.passwords import LONGEST_PASSWORD, SHORTEST_PASSWORD
from waystate.people.sessions import Session
from waystate.principal import Role
from waystate.web.requests import Body

Email = Annotated[str, Field(min_length=3, max_length=254, examples=["ada@example.com"])]
Name = Annotated[str, Field(min_length=1, max_length=200, examples=["Ada Lovelace"])]
NewPassword = Annotated[
    str,
    Field(max_length=LONGEST_PASSWORD, description=f"{SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters, not easily guessed"),
]
Password = Annotated[str, Field(max_length=LONGEST_PASSWORD)]
Token = Annotated[str, Field(max_length=200)]
Code = Annotated[str, Field(max_length=20, description="Six digits of the authenticator", examples=["123456"])]
# Over JSON these are texts.
RoleName = Annotated[Role, Field(strict=False)]


Moment = Annotated[datetime, PlainSerializer(iso, return_type=str, when_used="json")]
"""As every answer writes it."""


class Login(Body):
    email: Email
    password: Password
    tenant: str | None = Field(None, pattern=TENANT_ID_PATTERN, description="Left out by who is a member of one alone")
    code: Code | None = None


class Acceptance(Body):
    """`password` becomes that of a new account; who has an account already gives the password it has."""

    token: Token
    password: Password
    name: Name | None = None


class Redemption(Body):
    token: Token
    password: NewPassword


class PasswordChange(Body):
    currentPassword: Password
    newPassword: NewPassword


class Proof(Body):
    password: Password


class Confirmation(Body):
    code: Code


class Invitation(Body):
    email: Email
    role: RoleName
    name: Name | None = None


class UserChange(Body):
    """What is left out stays."""

    role: RoleName | None = None
    status: Literal["active", "disabled"] | None = None
    name: Name | None = None


class ResetWish(Body):
    removeTotp: bool = Field(False, description="Also switch one-time codes off, for who lost the device")


class ColleagueAnswer(BaseModel):
    """A person who works in the tenant."""

    id: UUID
    name: str
    role: Role


class ColleagueList(BaseModel):
    """By name. All of them: a tenant's people are few beside its customers."""

    items: list[ColleagueAnswer]


class UserAnswer(BaseModel):
    id: UUID
    email: str
    name: str
    role: Role
    status: Status
    totp: bool = Field(description="Whether one-time codes are on")
    createdAt: Moment
    invitationExpiresAt: Moment | None = None


class UserPage(BaseModel):
    items: list[UserAnswer]
    next: UUID | None = Field(description="The `after` of the following page")


class InvitedAnswer(BaseModel):
    user: UserAnswer
    token: str = Field(description="Shown this once. Hand it to the person; it opens the account for 7 days")
    expiresAt: Moment


class ResetAnswer(BaseModel):
    token: str = Field(description="Shown this once. Hand it to the person; it sets a new password within an hour")
    expiresAt: Moment


class SessionAnswer(BaseModel):
    id: UUID
    createdAt: Moment
    lastSeenAt: Moment
    expiresAt: Moment
    userAgent: str
    address: str
    current: bool = Field(False, description="The one that asks")


class SessionList(BaseModel):
    items: list[SessionAnswer]


class Revoked(BaseModel):
    revokedSessions: int


class Person(BaseModel):
    id: UUID
    email: str
    name: str


class LoginAnswer(BaseModel):
    token: str = Field(description="As `Authorization: Bearer …`; a browser needs only the cookie")
    csrfToken: str = Field(description="What a page sends as X-CSRF-Token with the cookie")
    expiresAt: Moment
    user: Person
    tenant: str
    role: Role


class Opened(BaseModel):
    """What to log in with."""

    email: str
    tenant: str | None = None


class MyselfAnswer(BaseModel):
    user: UserAnswer
    tenant: str
    role: Role
    scopes: list[str]
    csrfToken: str


class TotpAnswer(BaseModel):
    secret: str = Field(description="Shown this once, to type into an authenticator")
    uri: str = Field(description="The same, to show as a QR code")


def render_user(member: Member) -> UserAnswer:
    return UserAnswer(
        id=member.id,
        email=member.email,
        name=member.name,
        role=member.role,
        status=member.status,
        totp=member.has_totp,
        createdAt=member.created_at,
        invitationExpiresAt=member.invitation_expires_at,
    )


def render_session(session: Session, current: UUID | None = None) -> SessionAnswer:
    return SessionAnswer(
        id=session.id,
        createdAt=session.created_at,
        lastSeenAt=session.last_seen_at,
        expiresAt=session.expires_at,
        userAgent=session.user_agent,
        address=session.address,
        current=session.id == current,
    )


USER_EXAMPLE: JsonObject = {
    "id": "019c1420-1111-7d20-9c4b-3f5a6b7c8d9e",
    "email": "ada@example.com",
    "name": "Ada Lovelace",
    "role": "admin",
    "status": "active",
    "totp": True,
    "createdAt": "2026-01-31T12:00:00.000Z",
    "invitationExpiresAt": None,
}
SESSION_EXAMPLE: JsonObject = {
    "id": "019c1420-2222-7a30-8d5c-4e6f7a8b9c0d",
    "createdAt": "2026-01-31T12:00:00.000Z",
    "lastSeenAt": "2026-01-31T12:30:00.000Z",
    "expiresAt": "2026-02-01T00:00:00.000Z",
    "userAgent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "address": "192.0.2.17",
    "current": False,
}
LOGIN_EXAMPLE: JsonObject = {
    "token": "wss.acme.5d3e1f2a.c2hvd24tb25jZQ",
    "csrfToken": "q3vZk1mJ0xT7r2yB8uWn5cLhD4fGsA6e",
    "expiresAt": "2026-02-01T00:00:00.000Z",
    "user": {"id": "019c1420-1111-7d20-9c4b-3f5a6b7c8d9e", "email": "ada@example.com", "name": "Ada Lovelace"},
    "tenant": "acme",
    "role": "admin",
}
