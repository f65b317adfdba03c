"""Mail over SMTP: one transaction per email, over a connection that is checked and reopened."""

__all__ = ["MailError", "SendResult", "Session", "check_server"]

import contextlib
import smtplib
import ssl
from base64 import b64encode
from dataclasses import dataclass
from functools import partial
from time import monotonic, sleep

from service.core import addresses
from service.core.settings import Settings


class MailError(RuntimeError):
    """Mail cannot be sent at present, through no fault of a reader."""


@dataclass(frozen=True)
class SendResult:
    """Result of sending one email."""

    state: str  # sent; later if deferred or disconnected; bounced if refused
    code: int | None  # the server's reply code; None if disconnected


class Session(contextlib.AbstractContextManager["Session"]):
    """A session with the configured SMTP server, for any number of emails.

    Raises `MailError` naming the setting that prevents sending mail, if any.
    """

    def __init__(self, settings: Settings) -> None:
        if settings.mail_fault:
            raise MailError(settings.mail_fault)
        self._settings = settings
        self._sender = addresses.parse_sender(settings.mail_from)[1]
        self._gap = 60.0 / settings.mail_per_minute
        self._next = 0.0
        self._smtp: smtplib.SMTP | None = None

    def __exit__(self, *_: object) -> None:
        self._close()

    def send(self, to: str, content: bytes) -> SendResult:
        """Send one email; raises `MailError` if a failure is not the reader's fault."""
        to = addresses.clean_address(to)
        self._throttle()
        smtp = self.open()
        try:
            smtp.sendmail(self._sender, [to], content)
        except OSError as error:  # smtplib's own errors are such
            self._close()
            return self._failure(error)
        return SendResult("sent", 250)

    def _failure(self, error: OSError) -> SendResult:
        code = None  # disconnected, perhaps delivered: retry with the same Message-ID
        if isinstance(error, smtplib.SMTPRecipientsRefused):
            ((code, _),) = error.recipients.values()
        elif isinstance(error, smtplib.SMTPResponseException):
            code = error.smtp_code
        if code is None or code < 500:
            return SendResult("later", code)
        if isinstance(error, smtplib.SMTPSenderRefused):
            raise MailError(f"the SMTP server refuses the sender: {_words(error)}") from error
        return SendResult("bounced", code)

    def _throttle(self) -> None:
        now = monotonic()
        if self._next > now:
            sleep(self._next - now)
        self._next = max(self._next, now) + self._gap

    def open(self) -> smtplib.SMTP:
        """Return the connection, checked and logged in."""
        if self._smtp is None:
            try:
                self._smtp = self._connect()
            except OSError as error:
                server = f"{self._settings.smtp_host}:{self._settings.smtp_port}"
                raise MailError(
                    f"the SMTP server {server} cannot be used: {_words(error)}"
                ) from error
        return self._smtp

    def _connect(self) -> smtplib.SMTP:
        s = self._settings
        name = addresses.domain_of(self._sender)  # the default would query DNS
        tls = ssl.create_default_context(cafile=s.smtp_ca_file)
        kind = partial(smtplib.SMTP_SSL, context=tls) if s.smtp_security == "tls" else smtplib.SMTP
        smtp = kind(s.smtp_host, s.smtp_port, name, timeout=s.smtp_timeout)
        try:
            if s.smtp_security == "starttls":
                smtp.starttls(context=tls)
            smtp.ehlo_or_helo_if_needed()
            if s.smtp_user:
                _login(smtp, s.smtp_user, s.smtp_password.get_secret_value())
        except BaseException:
            smtp.close()
            raise
        return smtp

    def _close(self) -> None:
        if self._smtp is not None:
            with contextlib.suppress(OSError):
                self._smtp.quit()
            self._smtp = None


def _words(error: OSError) -> str:
    """The server's reply in one line, or else the words of the system."""
    if not isinstance(error, smtplib.SMTPResponseException):
        return str(error)
    # Escape control characters: the text is printed on terminals.
    reply = repr(error.smtp_error).removeprefix("b").strip("'\"").replace("\\n", " ")
    return f"{error.smtp_code} {reply}"


def _login(smtp: smtplib.SMTP, user: str, password: str) -> None:
    """Log in; smtplib only sends ASCII, but PLAIN uses UTF-8 (RFC 4616)."""
    if (user + password).isascii():
        smtp.login(user, password)
        return
    if "PLAIN" not in smtp.esmtp_features.get("auth", "").split():
        raise smtplib.SMTPNotSupportedError("a login in this language needs AUTH PLAIN")
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
