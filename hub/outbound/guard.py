"""The guard against server-side request forgery: which addresses may be called, and connections that go nowhere else.

It looks at the address that is really connected to, in the moment of connecting, so neither a clever URL nor a name that resolves
differently the second time gets past it.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import Any, Final
from urllib.parse import urlsplit

import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from hub.errors import Misconfigured
from hub.outbound.deadline import Deadline

_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_INNER: Final = "its host lies in a private or reserved network"
OWN_NETWORK: Final = "Is it a system of your own network, or a simulator? FICHEHUB_ALLOW_PRIVATE=1 allows those."


def check_address(url: str, *, allow_private: bool = False) -> str:
    """What messages may say of an address: scheme, host and path. Raises `Misconfigured` for one that is never called, such as a number of an inner network.

    That a name leads to an address where we may connect is seen only when it is called.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise Misconfigured("The address of the partner is not a URL.") from error
    if parts.scheme not in ("http", "https") or not host:
        raise Misconfigured("The address of the partner must begin with https:// and name a host.")
    address = f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{f':{port}' if port else ''}{parts.path}"
    if parts.username is not None or parts.password is not None:
        raise Misconfigured(f"{address}: put user and password in the fields for them, not in the address.")
    if parts.scheme != "https" and not allow_private:
        raise Misconfigured(f"{address}: partners are only called over https. {OWN_NETWORK}")
    if not allow_private and _is_inner(host):
        raise Misconfigured(f"{address} may not be called: {_INNER}. {OWN_NETWORK}")
    return address


def _is_inner(host: str) -> bool:
    """Whether a host, as an address names it, is this machine or a number that is not of the public internet."""
    name = host.rstrip(".").lower()
    try:
        return not is_global(name)
    except ValueError:
        pass
    try:
        return not is_global(socket.inet_ntoa(socket.inet_aton(name)))  # as the resolver reads 127.1, 0x7f000001 and 2130706433
    except (OSError, ValueError):
        return name == "localhost" or name.endswith(".localhost")


def is_global(text: str) -> bool:
    """Whether this address lies in the public internet; an address inside another (mapped, 6to4, Teredo, NAT64) counts as itself."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if address in _NAT64:
            inner.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        known = [each for each in inner if each is not None]
        if known:
            return all(_is_global(each) for each in known)
    return _is_global(address)


def _is_global(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return address.is_global and not address.is_multicast and not address.is_reserved


class Refused(OSError):
    """The guard does not let us connect there."""


class _Guarded(HTTPConnection):
    """Connects only where we may, and lets the deadline see the socket. `allow_private` is set by the pool's class."""

    allow_private = False

    def _new_conn(self) -> socket.socket:
        try:
            found = socket.getaddrinfo(self._dns_host, self.port or self.default_port, type=socket.SOCK_STREAM)
        except UnicodeError as error:
            raise urllib3.exceptions.LocationParseError(self.host) from error
        addresses = [(family, kind, protocol, where) for family, kind, protocol, _, where in found]
        if not self.allow_private:
            for *_, where in addresses:
                if not is_global(str(where[0])):
                    raise Refused(_INNER)
        failed: OSError | None = None
        for family, kind, protocol, where in addresses:
            sock = socket.socket(family, kind, protocol)
            try:
                Deadline.look_at(sock)
                sock.settimeout(self.timeout if isinstance(self.timeout, int | float) else None)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.connect(where)
                return sock
            except OSError as error:
                sock.close()
                failed = error
        raise urllib3.exceptions.NewConnectionError(self, "no address can be connected to") from failed

    def connect(self) -> None:
        super().connect()
        Deadline.look_at(self.sock)

    def getresponse(self) -> urllib3.response.HTTPResponse:  # type: ignore[override]  # as urllib3 itself does
        Deadline.look_at(self.sock)
        return super().getresponse()


class _GuardedTls(_Guarded, HTTPSConnection):
    """The same over TLS: the name in the URL is what the certificate must prove, whatever address was connected to."""


class GuardedAdapter(HTTPAdapter):
    """The connections of a session of requests, each of them guarded and watched."""

    def __init__(self, allow_private: bool) -> None:
        private = {"allow_private": allow_private}
        plain = type("_Connection", (_Guarded,), private)
        tls = type("_TlsConnection", (_GuardedTls,), private)
        self._pools = {
            "http": type("_Pool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
            "https": type("_TlsPool", (HTTPSConnectionPool,), {"ConnectionCls": tls}),
        }
        super().__init__(pool_connections=8, pool_maxsize=32)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools
