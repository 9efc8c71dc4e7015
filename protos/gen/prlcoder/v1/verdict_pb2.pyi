from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Verdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VERDICT_UNSPECIFIED: _ClassVar[Verdict]
    VERDICT_PASSED: _ClassVar[Verdict]
    VERDICT_WRONG_ANSWER: _ClassVar[Verdict]
    VERDICT_RUNTIME_ERROR: _ClassVar[Verdict]
    VERDICT_COMPILE_ERROR: _ClassVar[Verdict]
    VERDICT_TIMEOUT: _ClassVar[Verdict]
VERDICT_UNSPECIFIED: Verdict
VERDICT_PASSED: Verdict
VERDICT_WRONG_ANSWER: Verdict
VERDICT_RUNTIME_ERROR: Verdict
VERDICT_COMPILE_ERROR: Verdict
VERDICT_TIMEOUT: Verdict

class Limits(_message.Message):
    __slots__ = ("cpu_s", "wall_s", "memory_mib", "output_mib", "processes", "test_s")
    CPU_S_FIELD_NUMBER: _ClassVar[int]
    WALL_S_FIELD_NUMBER: _ClassVar[int]
    MEMORY_MIB_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_MIB_FIELD_NUMBER: _ClassVar[int]
    PROCESSES_FIELD_NUMBER: _ClassVar[int]
    TEST_S_FIELD_NUMBER: _ClassVar[int]
    cpu_s: float
    wall_s: float
    memory_mib: int
    output_mib: int
    processes: int
    test_s: float
    def __init__(self, cpu_s: _Optional[float] = ..., wall_s: _Optional[float] = ..., memory_mib: _Optional[int] = ..., output_mib: _Optional[int] = ..., processes: _Optional[int] = ..., test_s: _Optional[float] = ...) -> None: ...

class ExecutionResult(_message.Message):
    __slots__ = ("verdict", "reason", "tests_passed", "tests_total", "wall_s", "cpu_s", "memory_mib", "profile", "timings_s", "cached", "answers", "test_error", "test_exception", "line_trace")
    class TimingsSEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    TESTS_PASSED_FIELD_NUMBER: _ClassVar[int]
    TESTS_TOTAL_FIELD_NUMBER: _ClassVar[int]
    WALL_S_FIELD_NUMBER: _ClassVar[int]
    CPU_S_FIELD_NUMBER: _ClassVar[int]
    MEMORY_MIB_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    TIMINGS_S_FIELD_NUMBER: _ClassVar[int]
    CACHED_FIELD_NUMBER: _ClassVar[int]
    ANSWERS_FIELD_NUMBER: _ClassVar[int]
    TEST_ERROR_FIELD_NUMBER: _ClassVar[int]
    TEST_EXCEPTION_FIELD_NUMBER: _ClassVar[int]
    LINE_TRACE_FIELD_NUMBER: _ClassVar[int]
    verdict: Verdict
    reason: str
    tests_passed: int
    tests_total: int
    wall_s: float
    cpu_s: float
    memory_mib: float
    profile: str
    timings_s: _containers.ScalarMap[str, float]
    cached: bool
    answers: _containers.RepeatedCompositeFieldContainer[Answer]
    test_error: str
    test_exception: str
    line_trace: LineTrace
    def __init__(self, verdict: _Optional[_Union[Verdict, str]] = ..., reason: _Optional[str] = ..., tests_passed: _Optional[int] = ..., tests_total: _Optional[int] = ..., wall_s: _Optional[float] = ..., cpu_s: _Optional[float] = ..., memory_mib: _Optional[float] = ..., profile: _Optional[str] = ..., timings_s: _Optional[_Mapping[str, float]] = ..., cached: bool = ..., answers: _Optional[_Iterable[_Union[Answer, _Mapping]]] = ..., test_error: _Optional[str] = ..., test_exception: _Optional[str] = ..., line_trace: _Optional[_Union[LineTrace, _Mapping]] = ...) -> None: ...

class LineTrace(_message.Message):
    __slots__ = ("executed_lines", "error_line")
    EXECUTED_LINES_FIELD_NUMBER: _ClassVar[int]
    ERROR_LINE_FIELD_NUMBER: _ClassVar[int]
    executed_lines: _containers.RepeatedScalarFieldContainer[int]
    error_line: int
    def __init__(self, executed_lines: _Optional[_Iterable[int]] = ..., error_line: _Optional[int] = ...) -> None: ...

class Answer(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: bytes
    def __init__(self, value: _Optional[bytes] = ...) -> None: ...
