"""Mail over SMTP: one transaction per email, over a connection that is checked and reopened."""

__all__ = ["MailError", "SendResult", "Session", "check_server", "require_settings"]

import contextlib
import smtplib
import ssl
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass

from service.core import addresses
from service.core.settings import Settings

_MAILS_A_CONNECTION = 100  # many servers close connections after about as many
_AWAY = (smtplib.SMTPServerDisconnected, OSError)


class MailError(RuntimeError):
    """Mail cannot be sent at present, through no fault of a reader."""


@dataclass(frozen=True)
class SendResult:
    """Result of sending one email."""

    state: str  # sent; later if deferred or disconnected; bounced if refused
    code: int | None  # the server's reply code; None if disconnected
    of_content: bool = False  # whether the recipient was accepted but the content refused


def require_settings(settings: Settings) -> None:
    """Raise `MailError` naming the setting that prevents sending mail, if any."""
    if settings.mail_fault:
        raise MailError(settings.mail_fault)


class Session(contextlib.AbstractContextManager["Session"]):
    """A session with the configured SMTP server, for any number of emails."""

    def __init__(self, settings: Settings, wait: Callable[[float], None] = time.sleep) -> None:
        require_settings(settings)
        self._settings = settings
        self._sender = addresses.parse_sender(settings.mail_from)[1]
        self._wait = wait
        self._gap = 60.0 / settings.mail_per_minute
        self._next = 0.0
        self._smtp: smtplib.SMTP | None = None
        self._mails = 0

    def __exit__(self, *_: object) -> None:
        self._close()

    def send(self, to: str, content: bytes) -> SendResult:
        """Send one email; raises `MailError` if a failure is not the reader's fault."""
        to = addresses.clean_address(to)
        self._throttle()
        smtp = self.open()
        try:
            sent = self._transact(smtp, to, content)
        except _AWAY:  # perhaps delivered: retry with the same Message-ID
            self._close(politely=False)
            return SendResult("later", None)
        if sent.code == 421:
            self._close()
        return sent

    def _transact(self, smtp: smtplib.SMTP, to: str, content: bytes) -> SendResult:
        self._mails += 1
        code, reply = smtp.mail(self._sender)
        if code >= 500:
            raise MailError(f"the SMTP server refuses the sender: {_line(code, reply)}")
        if code == 250:
            code, reply = smtp.rcpt(to)
        is_content = code in (250, 251)
        if is_content:
            try:
                code, reply = smtp.data(content)
            except smtplib.SMTPDataError as error:
                code = error.smtp_code
            if code == 250:
                return SendResult("sent", code)
        if code != 421:
            with contextlib.suppress(*_AWAY):
                smtp.rset()
        return SendResult("bounced" if code >= 500 else "later", code, is_content)

    def _throttle(self) -> None:
        now = time.monotonic()
        if self._next > now:
            self._wait(self._next - now)
        self._next = max(self._next, now) + self._gap

    def open(self) -> smtplib.SMTP:
        """Return the connection, checked and logged in; replace an old or closed one."""
        if self._smtp is not None and self._mails >= _MAILS_A_CONNECTION:
            self._close()
        if self._smtp is None:
            try:
                self._smtp, self._mails = self._connect(), 0
            except (smtplib.SMTPException, OSError) as error:
                server = f"{self._settings.smtp_host}:{self._settings.smtp_port}"
                raise MailError(f"the SMTP server {server} {_describe(error)}") from error
        return self._smtp

    def _connect(self) -> smtplib.SMTP:
        s = self._settings
        name = addresses.domain_of(self._sender)  # the default would query DNS
        if s.smtp_security == "tls":
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(
                s.smtp_host, s.smtp_port, name, timeout=s.smtp_timeout, context=self._tls()
            )
        else:
            smtp = smtplib.SMTP(s.smtp_host, s.smtp_port, name, timeout=s.smtp_timeout)
        try:
            if s.smtp_security == "starttls":
                smtp.starttls(context=self._tls())
            smtp.ehlo_or_helo_if_needed()
            if s.smtp_user:
                _login(smtp, s.smtp_user, s.smtp_password.get_secret_value())
        except BaseException:
            smtp.close()
            raise
        return smtp

    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self._settings.smtp_ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context

    def _close(self, politely: bool = True) -> None:
        if self._smtp is not None:
            smtp, self._smtp = self._smtp, None
            if politely:
                with contextlib.suppress(*_AWAY):
                    smtp.quit()
            smtp.close()


def _login(smtp: smtplib.SMTP, user: str, password: str) -> None:
    """Log in; smtplib only sends ASCII, but PLAIN uses UTF-8 (RFC 4616)."""
    if (user + password).isascii():
        smtp.login(user, password)
        return
    if "PLAIN" not in smtp.esmtp_features.get("auth", "").split():
        raise smtplib.SMTPNotSupportedError("AUTH PLAIN is not offered")
    credentials = b64encode(f"\0{user}\0{password}".encode()).decode("ascii")
    code, reply = smtp.docmd("AUTH", f"PLAIN {credentials}")
    if code != 235:
        raise smtplib.SMTPAuthenticationError(code, reply)


def check_server(settings: Settings) -> str:
    """Log in at the mail server, if there is one, and return the result; sends nothing."""
    if not settings.smtp_host:
        return "not sent: CROSSINGS_SMTP_HOST is empty"
    with Session(settings) as session:
        session.open()
    who = " and accepts the login" if settings.smtp_user else ", without a login"
    return f"{settings.smtp_host}:{settings.smtp_port} answers{who}"


def _line(code: int, reply: bytes) -> str:
    """Return a server's reply as one line of plain text."""
    text = "".join(c if c.isprintable() else " " for c in reply.decode("utf-8", "replace"))
    return f"{code} {' '.join(text.split())[:200]}"


def _describe(error: Exception) -> str:
    """Describe a server error, to end a sentence."""
    if isinstance(error, ssl.SSLError):
        why = getattr(error, "verify_message", "") or error.reason or str(error)
        return f"failed the TLS check: {why}"
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"refuses the login of CROSSINGS_SMTP_USER ({error.smtp_code})"
    if isinstance(error, smtplib.SMTPNotSupportedError):
        missing = next((m for m in ("AUTH PLAIN", "AUTH") if m in str(error)), "STARTTLS")
        return f"does not offer {missing}, which is required"
    return f"cannot be used: {_why(error)}"


def _why(error: Exception) -> str:
    # smtplib replaces a timeout by its own error.
    if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
        return "no answer in time"
    if isinstance(error, smtplib.SMTPResponseException):
        reply = error.smtp_error
        return _line(error.smtp_code, reply if isinstance(reply, bytes) else reply.encode())
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__
