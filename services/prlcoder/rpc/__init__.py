"""The shell around the gRPC services. It knows no service.

- ``server``, ``service``, ``settings``: the life of a server, and the protocol that a service implements;
- ``calls``, ``call_metrics``, ``admission``, ``errors``, ``batches``: what happens around every call;
- ``client``, ``blocking``, ``address``: the common part of the clients, asynchronous and synchronous;
- ``tls``, ``tokens``, ``watched_files``: security, from files that are read again when they change;
- ``process_pool``: pure Python work in worker processes.
"""

from prlcoder.rpc.address import Address, ClientTls
from prlcoder.rpc.settings import ServerLimits, ServerSettings, ServerTls

__all__ = ["Address", "ClientTls", "ServerLimits", "ServerSettings", "ServerTls"]
