from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Comparison(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    COMPARISON_UNSPECIFIED: _ClassVar[Comparison]
    COMPARISON_VALUE: _ClassVar[Comparison]
    COMPARISON_STRICT: _ClassVar[Comparison]
    COMPARISON_EXACT: _ClassVar[Comparison]
    COMPARISON_LINES: _ClassVar[Comparison]
    COMPARISON_TOKENS: _ClassVar[Comparison]
    COMPARISON_FLOATS: _ClassVar[Comparison]
    COMPARISON_SHALLOW: _ClassVar[Comparison]
    COMPARISON_DECIMALS: _ClassVar[Comparison]
    COMPARISON_EVALPLUS: _ClassVar[Comparison]
    COMPARISON_APPS: _ClassVar[Comparison]
COMPARISON_UNSPECIFIED: Comparison
COMPARISON_VALUE: Comparison
COMPARISON_STRICT: Comparison
COMPARISON_EXACT: Comparison
COMPARISON_LINES: Comparison
COMPARISON_TOKENS: Comparison
COMPARISON_FLOATS: Comparison
COMPARISON_SHALLOW: Comparison
COMPARISON_DECIMALS: Comparison
COMPARISON_EVALPLUS: Comparison
COMPARISON_APPS: Comparison

class Problem(_message.Message):
    __slots__ = ("id", "statement", "prompt", "starter_code", "preamble", "examples")
    ID_FIELD_NUMBER: _ClassVar[int]
    STATEMENT_FIELD_NUMBER: _ClassVar[int]
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    STARTER_CODE_FIELD_NUMBER: _ClassVar[int]
    PREAMBLE_FIELD_NUMBER: _ClassVar[int]
    EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    id: str
    statement: str
    prompt: str
    starter_code: str
    preamble: str
    examples: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, id: _Optional[str] = ..., statement: _Optional[str] = ..., prompt: _Optional[str] = ..., starter_code: _Optional[str] = ..., preamble: _Optional[str] = ..., examples: _Optional[_Iterable[str]] = ...) -> None: ...

class Prompt(_message.Message):
    __slots__ = ("text", "given", "closing", "control")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    GIVEN_FIELD_NUMBER: _ClassVar[int]
    CLOSING_FIELD_NUMBER: _ClassVar[int]
    CONTROL_FIELD_NUMBER: _ClassVar[int]
    text: str
    given: str
    closing: str
    control: ControlText
    def __init__(self, text: _Optional[str] = ..., given: _Optional[str] = ..., closing: _Optional[str] = ..., control: _Optional[_Union[ControlText, _Mapping]] = ...) -> None: ...

class ControlText(_message.Message):
    __slots__ = ("spans",)
    SPANS_FIELD_NUMBER: _ClassVar[int]
    spans: _containers.RepeatedCompositeFieldContainer[ControlSpan]
    def __init__(self, spans: _Optional[_Iterable[_Union[ControlSpan, _Mapping]]] = ...) -> None: ...

class ControlSpan(_message.Message):
    __slots__ = ("start", "end")
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    start: int
    end: int
    def __init__(self, start: _Optional[int] = ..., end: _Optional[int] = ...) -> None: ...

class Tolerance(_message.Message):
    __slots__ = ("absolute", "relative")
    ABSOLUTE_FIELD_NUMBER: _ClassVar[int]
    RELATIVE_FIELD_NUMBER: _ClassVar[int]
    absolute: float
    relative: float
    def __init__(self, absolute: _Optional[float] = ..., relative: _Optional[float] = ...) -> None: ...

class CallTest(_message.Message):
    __slots__ = ("input", "output")
    INPUT_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    input: str
    output: str
    def __init__(self, input: _Optional[str] = ..., output: _Optional[str] = ...) -> None: ...

class CallTests(_message.Message):
    __slots__ = ("entry_point", "cases", "comparison", "tolerance", "checker", "test_limit_s", "oracle")
    ENTRY_POINT_FIELD_NUMBER: _ClassVar[int]
    CASES_FIELD_NUMBER: _ClassVar[int]
    COMPARISON_FIELD_NUMBER: _ClassVar[int]
    TOLERANCE_FIELD_NUMBER: _ClassVar[int]
    CHECKER_FIELD_NUMBER: _ClassVar[int]
    TEST_LIMIT_S_FIELD_NUMBER: _ClassVar[int]
    ORACLE_FIELD_NUMBER: _ClassVar[int]
    entry_point: str
    cases: _containers.RepeatedCompositeFieldContainer[CallTest]
    comparison: Comparison
    tolerance: Tolerance
    checker: str
    test_limit_s: float
    oracle: str
    def __init__(self, entry_point: _Optional[str] = ..., cases: _Optional[_Iterable[_Union[CallTest, _Mapping]]] = ..., comparison: _Optional[_Union[Comparison, str]] = ..., tolerance: _Optional[_Union[Tolerance, _Mapping]] = ..., checker: _Optional[str] = ..., test_limit_s: _Optional[float] = ..., oracle: _Optional[str] = ...) -> None: ...

class StdioTest(_message.Message):
    __slots__ = ("input", "output")
    INPUT_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    input: str
    output: str
    def __init__(self, input: _Optional[str] = ..., output: _Optional[str] = ...) -> None: ...

class StdioTests(_message.Message):
    __slots__ = ("cases", "comparison", "tolerance", "checker", "test_limit_s")
    CASES_FIELD_NUMBER: _ClassVar[int]
    COMPARISON_FIELD_NUMBER: _ClassVar[int]
    TOLERANCE_FIELD_NUMBER: _ClassVar[int]
    CHECKER_FIELD_NUMBER: _ClassVar[int]
    TEST_LIMIT_S_FIELD_NUMBER: _ClassVar[int]
    cases: _containers.RepeatedCompositeFieldContainer[StdioTest]
    comparison: Comparison
    tolerance: Tolerance
    checker: str
    test_limit_s: float
    def __init__(self, cases: _Optional[_Iterable[_Union[StdioTest, _Mapping]]] = ..., comparison: _Optional[_Union[Comparison, str]] = ..., tolerance: _Optional[_Union[Tolerance, _Mapping]] = ..., checker: _Optional[str] = ..., test_limit_s: _Optional[float] = ...) -> None: ...

class AssertTests(_message.Message):
    __slots__ = ("source", "entry_point", "check", "setup")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    ENTRY_POINT_FIELD_NUMBER: _ClassVar[int]
    CHECK_FIELD_NUMBER: _ClassVar[int]
    SETUP_FIELD_NUMBER: _ClassVar[int]
    source: str
    entry_point: str
    check: bool
    setup: str
    def __init__(self, source: _Optional[str] = ..., entry_point: _Optional[str] = ..., check: bool = ..., setup: _Optional[str] = ...) -> None: ...

class Tests(_message.Message):
    __slots__ = ("calls", "stdio", "asserts")
    CALLS_FIELD_NUMBER: _ClassVar[int]
    STDIO_FIELD_NUMBER: _ClassVar[int]
    ASSERTS_FIELD_NUMBER: _ClassVar[int]
    calls: CallTests
    stdio: StdioTests
    asserts: AssertTests
    def __init__(self, calls: _Optional[_Union[CallTests, _Mapping]] = ..., stdio: _Optional[_Union[StdioTests, _Mapping]] = ..., asserts: _Optional[_Union[AssertTests, _Mapping]] = ...) -> None: ...
