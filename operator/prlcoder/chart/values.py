"""The values of the Helm chart: names, types, defaults and meanings, from which three files are generated.

    python -m prlcoder.chart.values_file > charts/prlcoder/values.yaml
    python -m prlcoder.chart.values_schema > charts/prlcoder/values.schema.json
    python -m prlcoder.chart.values_reference > docs/reference/values.md

No field may be null, because Helm removes a value that is null: what is not set is an empty text, list or map.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Port = Annotated[int, Field(ge=1, le=65535)]
AtLeastZero = Annotated[int, Field(ge=0)]
AtLeastOne = Annotated[int, Field(ge=1)]
KubernetesObject = dict[str, Any]
QuantityText = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?([KMGTPE]i?|m|k)?$")]


class ValuesSection(BaseModel):
    """A section of the values. Unknown names are refused."""

    model_config = ConfigDict(
        extra="forbid", alias_generator=to_camel, populate_by_name=True, use_attribute_docstrings=True
    )


class ImageValues(ValuesSection):
    """Where the images are."""

    registry: str = "localhost"
    """Registry of the images, such as `registry.example.org/team`. `localhost`: images of the node."""
    tag: str = ""
    """Tag of the images. Empty: the chart's `appVersion`."""
    pull_policy: Literal["IfNotPresent", "Always", "Never"] = "IfNotPresent"
    """When the kubelet pulls an image."""
    pull_secrets: list[KubernetesObject] = []
    """Secrets of the registry for the operator and the services, such as `[{name: registry}]`. A run names its own."""


class CrdValues(ValuesSection):
    """The CustomResourceDefinition of TrainingRun."""

    install: bool = True
    """Whether this release installs and upgrades it. One release per cluster may."""
    keep: bool = True
    """Whether it stays when the release is uninstalled. Deleting it deletes every TrainingRun."""


class RbacValues(ValuesSection):
    """What the operator may do, and where."""

    scope: Literal["cluster", "namespace"] = "cluster"
    """`cluster`: a ClusterRole, and runs of every namespace. `namespace`: a Role, and runs of its own namespace."""
    user_roles: bool = True
    """Whether the cluster's roles `view`, `edit` and `admin` include TrainingRuns. Needs the scope `cluster`."""


class CredentialValues(ValuesSection):
    """What the pods of runs need for services with TLS or tokens."""

    secret_name: str = ""
    """Secret in every namespace of runs. Empty: runs do not use services with TLS or tokens."""
    keys: list[Literal["ca.crt", "tls.crt", "tls.key", "token"]] = ["ca.crt", "token"]
    """Keys of the Secret: `ca.crt` (the authority of the services' certificates), `tls.crt` with `tls.key` (the runs'
    own certificate), `token` (one token of the services)."""


class RunValues(ValuesSection):
    """What the pods of runs find in their namespaces."""

    namespaces: list[str] = []
    """Namespaces that get the account and the claim of runs. Empty: the release's own. They must exist."""
    service_account: str = ""
    """Name of the account without rights under which the pods run. Empty: `RELEASE-run`."""
    credentials: CredentialValues = CredentialValues()
    """Credentials for services."""


class StorageValues(ValuesSection):
    """The storage of runs that do not name an object store."""

    kind: Literal["claim", "existing", "none"] = "claim"
    """`claim`: the chart makes a PersistentVolumeClaim. `existing`: it exists. `none`: runs name an object store."""
    claim: str = ""
    """Name of the claim. Empty: `RELEASE-runs`."""
    size: QuantityText = "100Gi"
    """Size of the claim that the chart makes."""
    storage_class_name: str = ""
    """Storage class of the claim. Empty: the cluster's default."""
    access_modes: list[str] = ["ReadWriteMany"]
    """Access modes of the claim. `ReadWriteOnce` is enough on one node."""
    keep: bool = True
    """Whether the claim stays when the release is uninstalled."""


class PodValues(ValuesSection):
    """What the pods of the operator and of every service can be given."""

    resources: KubernetesObject = {}
    """Requests and limits of the container."""
    node_selector: dict[str, str] = {}
    """Labels of the nodes on which the pods may run."""
    tolerations: list[KubernetesObject] = []
    """Taints of nodes that the pods tolerate."""
    affinity: KubernetesObject = {}
    """Affinity of the pods."""
    priority_class_name: str = ""
    """Priority class of the pods."""
    pod_labels: dict[str, str] = {}
    """More labels of the pods. They are not part of selectors."""
    pod_annotations: dict[str, str] = {}
    """Annotations of the pods."""
    host_aliases: list[KubernetesObject] = []
    """Names that the cluster's DNS does not know, for a cluster without DNS: `[{ip: ..., hostnames: [...]}]`."""
    env: list[KubernetesObject] = []
    """More environment variables of the container, such as `[{name: HF_TOKEN, valueFrom: {secretKeyRef: ...}}]`."""


class OperatorValues(PodValues):
    """The operator."""

    enabled: bool = True
    """Whether the operator is installed."""
    image: str = "prlcoder/operator"
    """Image of the operator."""
    stage_image: str = "prlcoder/trainer"
    """Image of the stages of runs. `prlcoder/trainer-cpu` is much smaller, for nodes without GPUs."""
    workers: AtLeastOne = 8
    """Number of runs that are looked at at once."""
    resync_seconds: AtLeastOne = 300
    """Time after which every run is looked at even if nothing has changed."""
    progress_port: Port = 9400
    """Port on which the pods of stages answer about their progress, and serve their metrics."""
    metrics_port: Port = 8081
    """Port of the operator's `/metrics`."""
    probe_port: Port = 8080
    """Port of the liveness and readiness probe."""
    resources: KubernetesObject = {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "512Mi"}}


class TlsValues(ValuesSection):
    """TLS of a service. Runs use a service with TLS or tokens if `runs.credentials` is set."""

    secret_name: str = ""
    """Secret of type `kubernetes.io/tls` with the certificate and its key, such as cert-manager's. Empty: plaintext."""
    require_client_certificate: bool = False
    """Whether clients need a certificate of the CA in the secret's `ca.crt`."""


class TokenValues(ValuesSection):
    """Bearer tokens of a service."""

    secret_name: str = ""
    """Secret with the tokens, one per line. Empty: no token is required."""
    key: str = "tokens"
    """Key of the tokens in the secret."""


class AutoscalingValues(ValuesSection):
    """A HorizontalPodAutoscaler. Where it is on, the Deployment declares no `replicas`."""

    enabled: bool = False
    """Whether the number of pods follows their use of CPU. The pods need a CPU request."""
    min_replicas: AtLeastOne = 1
    """Smallest number of pods."""
    max_replicas: AtLeastOne = 4
    """Largest number of pods."""
    cpu_percent: AtLeastOne = 75
    """Use of CPU, in percent of the request, that the autoscaler aims at."""


class DisruptionBudgetValues(ValuesSection):
    """A PodDisruptionBudget."""

    enabled: bool = True
    """Whether drained nodes take the pods one by one."""
    max_unavailable: AtLeastOne = 1
    """Number of pods that may be missing because of evictions."""


class ServiceValues(PodValues):
    """A service."""

    enabled: bool = True
    """Whether the service is installed."""
    address: str = ""
    """`HOST:PORT`, or `tls://HOST:PORT`, of a service elsewhere, for `enabled: false`."""
    used_by_runs: bool = True
    """Whether runs use the service. Otherwise, and without a service, the stage's own pod does the work."""
    replicas: AtLeastZero = 1
    """Number of pods, unless autoscaling is on."""
    image: str = "prlcoder/services"
    """Image of the service."""
    port: Port = 8101
    """Port of gRPC."""
    metrics_port: Port = 9101
    """Port of `/metrics`."""
    extra_args: list[str] = []
    """More arguments of `prlcoder serve NAME`, such as `[--max-batch, "256"]`."""
    tls: TlsValues = TlsValues()
    """TLS of the service."""
    tokens: TokenValues = TokenValues()
    """Bearer tokens of the service."""
    gpus: AtLeastZero = 0
    """Number of GPUs of each pod."""
    resource_claims: list[KubernetesObject] = []
    """Resource claims of the pod, in the place of `gpus` where the cluster allocates devices dynamically."""
    startup_seconds: AtLeastOne = 120
    """Time that a pod may take until it serves."""
    autoscaling: AutoscalingValues = AutoscalingValues()
    """Autoscaling of the service."""
    disruption_budget: DisruptionBudgetValues = DisruptionBudgetValues()
    """Disruption budget of the service."""
    resources: KubernetesObject = {"requests": {"cpu": "500m", "memory": "512Mi"}, "limits": {"memory": "2Gi"}}


class MutatorValues(ServiceValues):
    """The mutator."""

    port: Port = 8102
    metrics_port: Port = 9102


class ExecutorValues(ServiceValues):
    """The executor. Its sandbox needs gVisor's runtime class, or a seccomp profile that allows user namespaces."""

    image: str = "prlcoder/executor"
    port: Port = 8103
    metrics_port: Port = 9103
    runtime_class_name: str = "gvisor"
    """RuntimeClass of gVisor. Empty: the nodes' own runtime, for which `seccompProfile` must allow user namespaces."""
    seccomp_profile: KubernetesObject = {"type": "RuntimeDefault"}
    """Seccomp profile. Without gVisor `{type: Unconfined}`, or `{type: Localhost, localhostProfile: ...}`."""
    app_armor_profile: KubernetesObject = {}
    """AppArmor profile, for nodes with AppArmor and without gVisor, whose default profile forbids mounts."""
    resources: KubernetesObject = {"requests": {"cpu": "2", "memory": "2Gi"}, "limits": {"memory": "8Gi"}}


class PrmValues(ServiceValues):
    """The process reward model's service."""

    enabled: bool = False
    used_by_runs: bool = False
    """Whether runs score with this service. Otherwise each run scores with its own reward model."""
    image: str = "prlcoder/trainer"
    port: Port = 8104
    metrics_port: Port = 9104
    model: str = ""
    """Folder or hub id of the model; required. Runs lie at `/var/lib/prlcoder/RUN`."""
    mount_storage: bool = True
    """Whether the runs' claim is mounted at `/var/lib/prlcoder`, to be read only."""
    startup_seconds: AtLeastOne = 900
    resources: KubernetesObject = {"requests": {"cpu": "2", "memory": "8Gi"}, "limits": {"memory": "32Gi"}}


class PolicyValues(PrmValues):
    """The policy's service."""

    used_by_runs: bool = False
    """Whether runs sample from this service. Otherwise each run samples from its own policy."""
    image: str = "prlcoder/policy"
    port: Port = 8105
    metrics_port: Port = 9105


class NetworkPolicyValues(ValuesSection):
    """NetworkPolicies of the services. The cluster's network plugin must enforce them."""

    enabled: bool = True
    """Whether services accept connections only from stages, from pods of the release, and from `clients`."""
    clients: list[KubernetesObject] = []
    """More peers that may call the services, as in `ingress[].from` of a NetworkPolicy."""
    monitoring: list[KubernetesObject] = [{"namespaceSelector": {}}]
    """Peers that may read the metrics."""


class DashboardValues(ValuesSection):
    """Grafana dashboards as ConfigMaps."""

    enabled: bool = False
    """Whether the ConfigMaps are made."""
    labels: dict[str, str] = {"grafana_dashboard": "1"}
    """Labels by which Grafana's sidecar finds them."""
    annotations: dict[str, str] = {}
    """Annotations, such as the folder of the sidecar."""


class MonitoringValues(ValuesSection):
    """Monitoring by the Prometheus operator. Its CRDs must exist where one of these is on."""

    service_monitor: bool = False
    """Whether a ServiceMonitor of the services is made."""
    pod_monitor: bool = False
    """Whether PodMonitors of the operator and of the stages' pods are made."""
    prometheus_rule: bool = False
    """Whether the alerts are made."""
    labels: dict[str, str] = {}
    """More labels of the monitors and the PrometheusRule, such as the `release` that Prometheus selects."""
    interval: str = "30s"
    """Time between two scrapes."""
    runbooks: str = "docs/runbooks"
    """Where the alerts' links to runbooks begin: the address at which your organisation reads this folder."""
    dashboards: DashboardValues = DashboardValues()
    """Grafana dashboards."""


class RouteValues(ValuesSection):
    """A GRPCRoute of the Gateway API to the PRM's service."""

    enabled: bool = False
    """Whether the route is made. Needs `prm.enabled`."""
    parent_refs: list[KubernetesObject] = []
    """Gateways of the route."""
    hostnames: list[str] = []
    """Host names of the route."""


class ChartValues(ValuesSection):
    """All values of the chart."""

    global_: KubernetesObject = Field(default={}, alias="global", description="Values of a parent chart. Not used.")
    fullname_override: str = ""
    """Beginning of all names. Empty: the release's name, with `-prlcoder` after it unless it contains that word."""
    gpu_resource: str = "nvidia.com/gpu"
    """Resource name of a GPU."""
    image: ImageValues = ImageValues()
    """Images."""
    crds: CrdValues = CrdValues()
    """CustomResourceDefinition."""
    rbac: RbacValues = RbacValues()
    """Rights of the operator."""
    runs: RunValues = RunValues()
    """Namespaces of runs."""
    storage: StorageValues = StorageValues()
    """Storage of runs."""
    operator: OperatorValues = OperatorValues()
    """Operator."""
    segmenter: ServiceValues = ServiceValues()
    """Segmenter."""
    mutator: MutatorValues = MutatorValues()
    """Mutator."""
    executor: ExecutorValues = ExecutorValues()
    """Executor."""
    prm: PrmValues = PrmValues()
    """Process reward model."""
    policy: PolicyValues = PolicyValues()
    """Policy."""
    network_policy: NetworkPolicyValues = NetworkPolicyValues()
    """Network policies."""
    monitoring: MonitoringValues = MonitoringValues()
    """Monitoring."""
    prm_route: RouteValues = RouteValues()
    """Route to the PRM's service."""
