from google.rpc import status_pb2 as _status_pb2
from prlcoder.v1 import problem_pb2 as _problem_pb2
from prlcoder.v1 import segmenter_pb2 as _segmenter_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ScoreItem(_message.Message):
    __slots__ = ("id", "problem", "prompt", "program", "mode", "segments")
    ID_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    PROGRAM_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    id: str
    problem: _problem_pb2.Problem
    prompt: _problem_pb2.Prompt
    program: str
    mode: _segmenter_pb2.SegmentationMode
    segments: _segmenter_pb2.Segments
    def __init__(self, id: _Optional[str] = ..., problem: _Optional[_Union[_problem_pb2.Problem, _Mapping]] = ..., prompt: _Optional[_Union[_problem_pb2.Prompt, _Mapping]] = ..., program: _Optional[str] = ..., mode: _Optional[_Union[_segmenter_pb2.SegmentationMode, str]] = ..., segments: _Optional[_Union[_segmenter_pb2.Segments, _Mapping]] = ...) -> None: ...

class StepScore(_message.Message):
    __slots__ = ("start", "end", "probability", "logit", "is_step")
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    LOGIT_FIELD_NUMBER: _ClassVar[int]
    IS_STEP_FIELD_NUMBER: _ClassVar[int]
    start: int
    end: int
    probability: float
    logit: float
    is_step: bool
    def __init__(self, start: _Optional[int] = ..., end: _Optional[int] = ..., probability: _Optional[float] = ..., logit: _Optional[float] = ..., is_step: bool = ...) -> None: ...

class StepScores(_message.Message):
    __slots__ = ("steps", "weights_version")
    STEPS_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_VERSION_FIELD_NUMBER: _ClassVar[int]
    steps: _containers.RepeatedCompositeFieldContainer[StepScore]
    weights_version: int
    def __init__(self, steps: _Optional[_Iterable[_Union[StepScore, _Mapping]]] = ..., weights_version: _Optional[int] = ...) -> None: ...

class ScoreResult(_message.Message):
    __slots__ = ("id", "scores", "status")
    ID_FIELD_NUMBER: _ClassVar[int]
    SCORES_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    id: str
    scores: StepScores
    status: _status_pb2.Status
    def __init__(self, id: _Optional[str] = ..., scores: _Optional[_Union[StepScores, _Mapping]] = ..., status: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class ScoreStepsRequest(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[ScoreItem]
    def __init__(self, items: _Optional[_Iterable[_Union[ScoreItem, _Mapping]]] = ...) -> None: ...

class ScoreStepsResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[ScoreResult]
    def __init__(self, results: _Optional[_Iterable[_Union[ScoreResult, _Mapping]]] = ...) -> None: ...

class PrmServiceGetModelInfoRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class PrmServiceGetModelInfoResponse(_message.Message):
    __slots__ = ("uri", "weights_version", "template", "template_digest", "max_tokens", "parameters", "device", "kind", "temperature", "offset")
    URI_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_VERSION_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    MAX_TOKENS_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    TEMPERATURE_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    uri: str
    weights_version: int
    template: str
    template_digest: str
    max_tokens: int
    parameters: int
    device: str
    kind: str
    temperature: float
    offset: float
    def __init__(self, uri: _Optional[str] = ..., weights_version: _Optional[int] = ..., template: _Optional[str] = ..., template_digest: _Optional[str] = ..., max_tokens: _Optional[int] = ..., parameters: _Optional[int] = ..., device: _Optional[str] = ..., kind: _Optional[str] = ..., temperature: _Optional[float] = ..., offset: _Optional[float] = ...) -> None: ...

class PrmServiceUpdateWeightsRequest(_message.Message):
    __slots__ = ("version", "uri")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    URI_FIELD_NUMBER: _ClassVar[int]
    version: int
    uri: str
    def __init__(self, version: _Optional[int] = ..., uri: _Optional[str] = ...) -> None: ...

class PrmServiceUpdateWeightsResponse(_message.Message):
    __slots__ = ("weights_version", "pause_s")
    WEIGHTS_VERSION_FIELD_NUMBER: _ClassVar[int]
    PAUSE_S_FIELD_NUMBER: _ClassVar[int]
    weights_version: int
    pause_s: float
    def __init__(self, weights_version: _Optional[int] = ..., pause_s: _Optional[float] = ...) -> None: ...
