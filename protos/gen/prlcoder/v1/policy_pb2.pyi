from google.rpc import status_pb2 as _status_pb2
from prlcoder.v1 import problem_pb2 as _problem_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FinishReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FINISH_REASON_UNSPECIFIED: _ClassVar[FinishReason]
    FINISH_REASON_STOP: _ClassVar[FinishReason]
    FINISH_REASON_LENGTH: _ClassVar[FinishReason]

class WeightsKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    WEIGHTS_KIND_UNSPECIFIED: _ClassVar[WeightsKind]
    WEIGHTS_KIND_FULL: _ClassVar[WeightsKind]
    WEIGHTS_KIND_ADAPTER: _ClassVar[WeightsKind]
FINISH_REASON_UNSPECIFIED: FinishReason
FINISH_REASON_STOP: FinishReason
FINISH_REASON_LENGTH: FinishReason
WEIGHTS_KIND_UNSPECIFIED: WeightsKind
WEIGHTS_KIND_FULL: WeightsKind
WEIGHTS_KIND_ADAPTER: WeightsKind

class GenerateItem(_message.Message):
    __slots__ = ("id", "problem", "text", "control")
    ID_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    CONTROL_FIELD_NUMBER: _ClassVar[int]
    id: str
    problem: _problem_pb2.Problem
    text: str
    control: _problem_pb2.ControlText
    def __init__(self, id: _Optional[str] = ..., problem: _Optional[_Union[_problem_pb2.Problem, _Mapping]] = ..., text: _Optional[str] = ..., control: _Optional[_Union[_problem_pb2.ControlText, _Mapping]] = ...) -> None: ...

class Sampling(_message.Message):
    __slots__ = ("samples", "temperature", "top_p", "top_k", "max_tokens", "stop", "seed")
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    TEMPERATURE_FIELD_NUMBER: _ClassVar[int]
    TOP_P_FIELD_NUMBER: _ClassVar[int]
    TOP_K_FIELD_NUMBER: _ClassVar[int]
    MAX_TOKENS_FIELD_NUMBER: _ClassVar[int]
    STOP_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    samples: int
    temperature: float
    top_p: float
    top_k: int
    max_tokens: int
    stop: _containers.RepeatedScalarFieldContainer[str]
    seed: int
    def __init__(self, samples: _Optional[int] = ..., temperature: _Optional[float] = ..., top_p: _Optional[float] = ..., top_k: _Optional[int] = ..., max_tokens: _Optional[int] = ..., stop: _Optional[_Iterable[str]] = ..., seed: _Optional[int] = ...) -> None: ...

class GenerateRequest(_message.Message):
    __slots__ = ("items", "sampling", "log_probabilities", "first_item", "whole", "at_temperature")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    SAMPLING_FIELD_NUMBER: _ClassVar[int]
    LOG_PROBABILITIES_FIELD_NUMBER: _ClassVar[int]
    FIRST_ITEM_FIELD_NUMBER: _ClassVar[int]
    WHOLE_FIELD_NUMBER: _ClassVar[int]
    AT_TEMPERATURE_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[GenerateItem]
    sampling: Sampling
    log_probabilities: bool
    first_item: int
    whole: bool
    at_temperature: bool
    def __init__(self, items: _Optional[_Iterable[_Union[GenerateItem, _Mapping]]] = ..., sampling: _Optional[_Union[Sampling, _Mapping]] = ..., log_probabilities: bool = ..., first_item: _Optional[int] = ..., whole: bool = ..., at_temperature: bool = ...) -> None: ...

class Tokens(_message.Message):
    __slots__ = ("text", "ids", "log_probabilities")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    LOG_PROBABILITIES_FIELD_NUMBER: _ClassVar[int]
    text: str
    ids: _containers.RepeatedScalarFieldContainer[int]
    log_probabilities: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, text: _Optional[str] = ..., ids: _Optional[_Iterable[int]] = ..., log_probabilities: _Optional[_Iterable[float]] = ...) -> None: ...

class Finished(_message.Message):
    __slots__ = ("reason", "text", "program", "tokens")
    REASON_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    PROGRAM_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    reason: FinishReason
    text: str
    program: str
    tokens: int
    def __init__(self, reason: _Optional[_Union[FinishReason, str]] = ..., text: _Optional[str] = ..., program: _Optional[str] = ..., tokens: _Optional[int] = ...) -> None: ...

class GenerateResponse(_message.Message):
    __slots__ = ("id", "sample", "weights_version", "tokens", "finished", "status")
    ID_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_VERSION_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    FINISHED_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    id: str
    sample: int
    weights_version: int
    tokens: Tokens
    finished: Finished
    status: _status_pb2.Status
    def __init__(self, id: _Optional[str] = ..., sample: _Optional[int] = ..., weights_version: _Optional[int] = ..., tokens: _Optional[_Union[Tokens, _Mapping]] = ..., finished: _Optional[_Union[Finished, _Mapping]] = ..., status: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class PolicyServiceGetModelInfoRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class PolicyServiceGetModelInfoResponse(_message.Message):
    __slots__ = ("uri", "weights_version", "engine", "template", "template_digest", "max_tokens", "device", "adapter_uri", "vocabulary_digest")
    URI_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_VERSION_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    MAX_TOKENS_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    ADAPTER_URI_FIELD_NUMBER: _ClassVar[int]
    VOCABULARY_DIGEST_FIELD_NUMBER: _ClassVar[int]
    uri: str
    weights_version: int
    engine: str
    template: str
    template_digest: str
    max_tokens: int
    device: str
    adapter_uri: str
    vocabulary_digest: str
    def __init__(self, uri: _Optional[str] = ..., weights_version: _Optional[int] = ..., engine: _Optional[str] = ..., template: _Optional[str] = ..., template_digest: _Optional[str] = ..., max_tokens: _Optional[int] = ..., device: _Optional[str] = ..., adapter_uri: _Optional[str] = ..., vocabulary_digest: _Optional[str] = ...) -> None: ...

class PolicyServiceUpdateWeightsRequest(_message.Message):
    __slots__ = ("version", "uri", "kind")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    URI_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    version: int
    uri: str
    kind: WeightsKind
    def __init__(self, version: _Optional[int] = ..., uri: _Optional[str] = ..., kind: _Optional[_Union[WeightsKind, str]] = ...) -> None: ...

class PolicyServiceUpdateWeightsResponse(_message.Message):
    __slots__ = ("weights_version", "pause_s")
    WEIGHTS_VERSION_FIELD_NUMBER: _ClassVar[int]
    PAUSE_S_FIELD_NUMBER: _ClassVar[int]
    weights_version: int
    pause_s: float
    def __init__(self, weights_version: _Optional[int] = ..., pause_s: _Optional[float] = ...) -> None: ...
