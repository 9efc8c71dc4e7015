from google.rpc import status_pb2 as _status_pb2
from prlcoder.v1 import problem_pb2 as _problem_pb2
from prlcoder.v1 import verdict_pb2 as _verdict_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Execution(_message.Message):
    __slots__ = ("program", "tests", "preamble", "limits", "all_tests", "fresh", "keep_answers", "trace_lines")
    PROGRAM_FIELD_NUMBER: _ClassVar[int]
    TESTS_FIELD_NUMBER: _ClassVar[int]
    PREAMBLE_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    ALL_TESTS_FIELD_NUMBER: _ClassVar[int]
    FRESH_FIELD_NUMBER: _ClassVar[int]
    KEEP_ANSWERS_FIELD_NUMBER: _ClassVar[int]
    TRACE_LINES_FIELD_NUMBER: _ClassVar[int]
    program: str
    tests: _problem_pb2.Tests
    preamble: str
    limits: _verdict_pb2.Limits
    all_tests: bool
    fresh: bool
    keep_answers: bool
    trace_lines: bool
    def __init__(self, program: _Optional[str] = ..., tests: _Optional[_Union[_problem_pb2.Tests, _Mapping]] = ..., preamble: _Optional[str] = ..., limits: _Optional[_Union[_verdict_pb2.Limits, _Mapping]] = ..., all_tests: bool = ..., fresh: bool = ..., keep_answers: bool = ..., trace_lines: bool = ...) -> None: ...

class ExecuteRequest(_message.Message):
    __slots__ = ("execution",)
    EXECUTION_FIELD_NUMBER: _ClassVar[int]
    execution: Execution
    def __init__(self, execution: _Optional[_Union[Execution, _Mapping]] = ...) -> None: ...

class ExecuteResponse(_message.Message):
    __slots__ = ("result",)
    RESULT_FIELD_NUMBER: _ClassVar[int]
    result: _verdict_pb2.ExecutionResult
    def __init__(self, result: _Optional[_Union[_verdict_pb2.ExecutionResult, _Mapping]] = ...) -> None: ...

class ExecuteBatchRequest(_message.Message):
    __slots__ = ("id", "execution", "more")
    ID_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    id: str
    execution: Execution
    more: _containers.RepeatedCompositeFieldContainer[ExecuteBatchRequest]
    def __init__(self, id: _Optional[str] = ..., execution: _Optional[_Union[Execution, _Mapping]] = ..., more: _Optional[_Iterable[_Union[ExecuteBatchRequest, _Mapping]]] = ...) -> None: ...

class ExecuteBatchResponse(_message.Message):
    __slots__ = ("id", "result", "status", "more")
    ID_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    id: str
    result: _verdict_pb2.ExecutionResult
    status: _status_pb2.Status
    more: _containers.RepeatedCompositeFieldContainer[ExecuteBatchResponse]
    def __init__(self, id: _Optional[str] = ..., result: _Optional[_Union[_verdict_pb2.ExecutionResult, _Mapping]] = ..., status: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., more: _Optional[_Iterable[_Union[ExecuteBatchResponse, _Mapping]]] = ...) -> None: ...

class GetCapabilitiesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetCapabilitiesResponse(_message.Message):
    __slots__ = ("version", "python_version", "profile", "jail", "workers", "queue_limit", "default_limits", "max_limits", "max_message_bytes", "cache_entries", "packages")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PYTHON_VERSION_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    JAIL_FIELD_NUMBER: _ClassVar[int]
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    QUEUE_LIMIT_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_LIMITS_FIELD_NUMBER: _ClassVar[int]
    MAX_LIMITS_FIELD_NUMBER: _ClassVar[int]
    MAX_MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    CACHE_ENTRIES_FIELD_NUMBER: _ClassVar[int]
    PACKAGES_FIELD_NUMBER: _ClassVar[int]
    version: str
    python_version: str
    profile: str
    jail: str
    workers: int
    queue_limit: int
    default_limits: _verdict_pb2.Limits
    max_limits: _verdict_pb2.Limits
    max_message_bytes: int
    cache_entries: int
    packages: _containers.RepeatedCompositeFieldContainer[Package]
    def __init__(self, version: _Optional[str] = ..., python_version: _Optional[str] = ..., profile: _Optional[str] = ..., jail: _Optional[str] = ..., workers: _Optional[int] = ..., queue_limit: _Optional[int] = ..., default_limits: _Optional[_Union[_verdict_pb2.Limits, _Mapping]] = ..., max_limits: _Optional[_Union[_verdict_pb2.Limits, _Mapping]] = ..., max_message_bytes: _Optional[int] = ..., cache_entries: _Optional[int] = ..., packages: _Optional[_Iterable[_Union[Package, _Mapping]]] = ...) -> None: ...

class Package(_message.Message):
    __slots__ = ("name", "version")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: str
    def __init__(self, name: _Optional[str] = ..., version: _Optional[str] = ...) -> None: ...
