{{/* Values that contradict each other or the cluster. Each message names the value and the fix. */}}
{{- define "prlcoder.checks" -}}
{{- $root := . -}}{{- $values := .Values -}}
{{- range $name := list "prm" "policy" -}}
{{- $service := index $values $name -}}
{{- if and $service.enabled (not $service.model) -}}
{{- fail (printf "%s.model: missing; give the folder or hub id of the model, or set %s.enabled=false" $name $name) -}}
{{- end -}}
{{- end -}}
{{- range $name := list "segmenter" "mutator" "executor" "prm" "policy" -}}
{{- $service := index $values $name -}}
{{- $namespaces := (include "prlcoder.runNamespaces" $root | fromJson).names -}}
{{- if and $service.enabled (get $service "mountStorage") (eq $values.storage.kind "claim") (not (has $root.Release.Namespace $namespaces)) -}}
{{- fail (printf "%s.mountStorage: the claim of runs is in other namespaces; add %s to runs.namespaces, or set this to false" $name $root.Release.Namespace) -}}
{{- end -}}
{{- if and $service.enabled $service.address -}}
{{- fail (printf "%s.address: has no effect while %s.enabled is true; set %s.enabled=false, or leave the address out" $name $name $name) -}}
{{- end -}}
{{- if and $service.autoscaling.enabled (gt (int $service.autoscaling.minReplicas) (int $service.autoscaling.maxReplicas)) -}}
{{- fail (printf "%s.autoscaling.minReplicas: is larger than maxReplicas" $name) -}}
{{- end -}}
{{- end -}}
{{- if and $values.executor.enabled (not $values.executor.runtimeClassName) (eq (default "RuntimeDefault" $values.executor.seccompProfile.type) "RuntimeDefault") -}}
{{- fail "executor.seccompProfile: RuntimeDefault forbids the sandbox's namespaces; name gVisor's executor.runtimeClassName, or set executor.seccompProfile.type to Unconfined or Localhost" -}}
{{- end -}}
{{- if and (eq $values.storage.kind "existing") (not $values.storage.claim) -}}
{{- fail "storage.claim: missing; name the claim that exists, or set storage.kind to claim or none" -}}
{{- end -}}
{{- if and $values.prmRoute.enabled (not $values.prm.enabled) -}}
{{- fail "prmRoute.enabled: there is no PRM service to route to; set prm.enabled=true" -}}
{{- end -}}
{{- if and (eq $values.rbac.scope "namespace") $values.runs.namespaces (ne (toJson $values.runs.namespaces) (toJson (list .Release.Namespace))) -}}
{{- fail "runs.namespaces: with rbac.scope=namespace the operator sees the release's namespace only; leave this out" -}}
{{- end -}}
{{- include "prlcoder.clusterChecks" . -}}
{{- end }}

{{/* What the cluster must have. `helm template` knows no cluster, and a user of one namespace may not look. */}}
{{- define "prlcoder.clusterChecks" -}}
{{- $class := .Values.executor.runtimeClassName -}}
{{- if and .Values.executor.enabled $class (eq .Values.rbac.scope "cluster") (lookup "v1" "Namespace" "" "kube-system") -}}
{{- if not (lookup "node.k8s.io/v1" "RuntimeClass" "" $class) -}}
{{- fail (printf "executor.runtimeClassName: the cluster has no RuntimeClass %q; install gVisor and its RuntimeClass, or set executor.runtimeClassName= and executor.seccompProfile.type=Unconfined" $class) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.monitoring.serviceMonitor (not (.Capabilities.APIVersions.Has "monitoring.coreos.com/v1")) -}}
{{- fail "monitoring.serviceMonitor: the cluster does not serve monitoring.coreos.com/v1; install the Prometheus operator first, or set this to false" -}}
{{- end -}}
{{- if and .Values.monitoring.prometheusRule (not (.Capabilities.APIVersions.Has "monitoring.coreos.com/v1")) -}}
{{- fail "monitoring.prometheusRule: the cluster does not serve monitoring.coreos.com/v1; install the Prometheus operator first, or set this to false" -}}
{{- end -}}
{{- if and .Values.prmRoute.enabled (not (.Capabilities.APIVersions.Has "gateway.networking.k8s.io/v1")) -}}
{{- fail "prmRoute.enabled: the cluster does not serve gateway.networking.k8s.io/v1; install the Gateway API first, or set this to false" -}}
{{- end -}}
{{- end }}
