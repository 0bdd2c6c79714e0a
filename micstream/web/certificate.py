"""A certificate for https: one that is given, or one of our own that is made once and kept.

Browsers give a microphone to a page on https alone, this machine's own pages excepted. One that we
have signed ourselves they do not know: they warn, and go on where somebody says so.
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import platformdirs

from micstream.errors import UsageError

_DAYS: Final = 397
"""Longer ones some browsers refuse, whatever one says."""
_RENEW_S: Final = (_DAYS - 30) * 86_400
_MAKE_S: Final = 20.0
_WITHOUT: Final = "give one by --certificate and --key; mkcert makes one that your devices know"


def context(certificate: Path, key: Path) -> ssl.SSLContext:
    """TLS with this certificate (its chain with it) and its key, both PEM.

    Raises:
        UsageError: they cannot be read, or do not belong together.
    """
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        # Without a password at hand openssl would ask in the terminal.
        tls.load_cert_chain(certificate, key, password=lambda: "")
    except (OSError, ssl.SSLError, ValueError) as error:
        reason = getattr(error, "strerror", None) or getattr(error, "reason", None) or str(error)
        raise UsageError(
            f"the certificate {certificate} and its key {key} cannot be used: {reason}",
            hint="expected two PEM files that belong together, the key without a password",
            code="bad_certificate",
        ) from None
    return tls


async def own(addresses: Sequence[str], now: float) -> tuple[Path, Path]:
    """Certificate of our own for these addresses, and its key: made, unless it is there.

    Kept in the user's state, so that a device that was told to trust it is asked once. `now` is in
    unix seconds.

    Raises:
        UsageError: it cannot be made: no `openssl`, or no place to keep it.
    """
    named = "\0".join(sorted(addresses))  # which of them comes first changes with the network
    digest = hashlib.sha256(named.encode()).hexdigest()[:16]
    folder = Path(platformdirs.user_state_dir("micstream", appauthor=False)) / "certificates"
    certificate, key = folder / f"{digest}.pem", folder / f"{digest}.key"
    try:
        if _fit(certificate, key) and now - certificate.stat().st_mtime < _RENEW_S:
            return certificate, key
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(dir=folder) as made:
            new_key, new_certificate = Path(made) / "key", Path(made) / "pem"
            new_key.touch(mode=0o600)
            await _make(new_certificate, new_key, addresses)
            new_key.replace(key)
            new_certificate.replace(certificate)
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        why = f"{error.filename or 'a file'} is not there" if missing else error.strerror or error
        raise UsageError(
            f"no certificate can be made: {why}", hint=_WITHOUT, code="no_certificate"
        ) from None
    return certificate, key


def _fit(certificate: Path, key: Path) -> bool:
    """Whether they are there, whole, and belong to each other."""
    try:
        context(certificate, key)
    except UsageError:
        return False
    return True


async def _make(certificate: Path, key: Path, addresses: Sequence[str]) -> None:
    names = ",".join(f"{'IP' if _is_ip(each) else 'DNS'}:{each}" for each in addresses)
    quiet = asyncio.subprocess.DEVNULL
    making = await asyncio.create_subprocess_exec(
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
        *("-nodes", "-days", str(_DAYS), "-subj", "/CN=micstream"),
        *("-addext", f"subjectAltName={names}", "-addext", "extendedKeyUsage=serverAuth"),
        *("-keyout", str(key), "-out", str(certificate)),
        stdin=quiet,
        stdout=quiet,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(_MAKE_S):
            _, said = await making.communicate()
    except BaseException:
        if making.returncode is None:
            making.kill()
            await making.wait()
        raise
    if making.returncode:
        lines = said.decode(errors="replace").strip().splitlines()
        raise OSError(lines[-1] if lines else "openssl failed")


def _is_ip(address: str) -> bool:
    return ":" in address or address.replace(".", "").isdecimal()
