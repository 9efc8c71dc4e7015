{{/* The beginning of all names. */}}
{{- define "prlcoder.fullname" -}}
{{- $release := .Release.Name -}}
{{- $own := ternary $release (printf "%s-prlcoder" $release) (contains "prlcoder" $release) -}}
{{- default $own .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{/* Labels of every object. */}}
{{- define "prlcoder.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: prlcoder
app.kubernetes.io/name: prlcoder
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* Labels by which pods are selected. They never change. Call with (list . component). */}}
{{- define "prlcoder.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: prlcoder
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* An image with its registry and tag. Call with (list . image). */}}
{{- define "prlcoder.image" -}}
{{- $root := index . 0 -}}
{{- $tag := default $root.Chart.AppVersion $root.Values.image.tag -}}
{{- $name := printf "%s:%s" (index . 1) $tag -}}
{{- ternary $name (printf "%s/%s" $root.Values.image.registry $name) (empty $root.Values.image.registry) -}}
{{- end }}

{{/* The claim of the runs' storage, empty where runs name an object store. */}}
{{- define "prlcoder.claim" -}}
{{- if ne .Values.storage.kind "none" -}}
{{- default (printf "%s-runs" (include "prlcoder.fullname" .)) .Values.storage.claim -}}
{{- end -}}
{{- end }}

{{/* The account of the runs' pods. */}}
{{- define "prlcoder.runAccount" -}}
{{- default (printf "%s-run" (include "prlcoder.fullname" .)) .Values.runs.serviceAccount -}}
{{- end }}

{{/* The namespaces of runs, as a JSON object with the key `names`. */}}
{{- define "prlcoder.runNamespaces" -}}
{{- dict "names" (default (list .Release.Namespace) .Values.runs.namespaces) | toJson -}}
{{- end }}

{{/* Whether runs may use a service: one with TLS or tokens needs the runs' credentials. Call with (list . name). */}}
{{- define "prlcoder.usedByRuns" -}}
{{- $root := index . 0 -}}{{- $service := index $root.Values (index . 1) -}}
{{- $guarded := and $service.enabled (or $service.tls.secretName $service.tokens.secretName) -}}
{{- if and $service.usedByRuns (include "prlcoder.address" .) (or (not $guarded) $root.Values.runs.credentials.secretName) -}}true{{- end -}}
{{- end }}

{{/* The same address as runs need it. With a CA among their credentials they would use TLS wherever no scheme is given. */}}
{{- define "prlcoder.addressForRuns" -}}
{{- $root := index . 0 -}}{{- $service := index $root.Values (index . 1) -}}
{{- $address := include "prlcoder.address" . -}}
{{- if contains "://" $address -}}
{{- $address -}}
{{- else if and $service.enabled $service.tls.secretName -}}
{{- printf "tls://%s" $address -}}
{{- else if $root.Values.runs.credentials.secretName -}}
{{- printf "plaintext://%s" $address -}}
{{- else -}}
{{- $address -}}
{{- end -}}
{{- end }}

{{/* Where clients in the cluster find a service; empty where there is none. Call with (list . name). */}}
{{- define "prlcoder.address" -}}
{{- $root := index . 0 -}}{{- $name := index . 1 -}}{{- $service := index $root.Values $name -}}
{{- if $service.enabled -}}
{{- printf "%s-%s.%s.svc:%v" (include "prlcoder.fullname" $root) $name $root.Release.Namespace $service.port -}}
{{- else -}}
{{- $service.address -}}
{{- end -}}
{{- end }}

{{/* What a pod and its container may do: the Pod Security Standard `restricted`. */}}
{{- define "prlcoder.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}
{{- define "prlcoder.userAndGroup" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
{{- end }}

{{/* Where a pod may run, and the names that it knows. Call with the values of the operator or of a service. */}}
{{- define "prlcoder.placement" -}}
{{- with .nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .hostAliases }}
hostAliases: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
