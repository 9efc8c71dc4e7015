{{/* The arguments of `prlcoder serve NAME`. Call with (list . name). */}}
{{- define "prlcoder.arguments" -}}
{{- $name := index . 1 -}}{{- $own := index (index . 0).Values $name -}}
- serve
- {{ $name }}
- --host=0.0.0.0
- --port={{ $own.port }}
- --metrics-port={{ $own.metricsPort }}
- --ready-file=/tmp/ready.json
- --drain-delay=5
- --drain-grace=30
{{- if $own.tls.secretName }}
- --tls-certificate=/etc/prlcoder/tls/tls.crt
- --tls-key=/etc/prlcoder/tls/tls.key
{{- if $own.tls.requireClientCertificate }}
- --tls-client-ca=/etc/prlcoder/tls/ca.crt
{{- end }}
{{- else }}
- --insecure
{{- end }}
{{- if $own.tokens.secretName }}
- --token-file=/etc/prlcoder/tokens/{{ $own.tokens.key }}
{{- end }}
{{- if eq $name "executor" }}
- --profile={{ ternary "gvisor" "namespaces" (ne $own.runtimeClassName "") }}
{{- end }}
{{- if has $name (list "prm" "policy") }}
- --model={{ $own.model }}
{{- end }}
{{- with $own.extraArgs }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Requests and limits, with the GPUs. Call with (list . name). */}}
{{- define "prlcoder.resources" -}}
{{- $root := index . 0 -}}{{- $own := index $root.Values (index . 1) -}}
{{- $resources := deepCopy $own.resources -}}
{{- if $own.gpus -}}
{{- $limits := merge (dict $root.Values.gpuResource (toString $own.gpus)) (default (dict) $resources.limits) -}}
{{- $_ := set $resources "limits" $limits -}}
{{- end -}}
{{- toYaml $resources -}}
{{- end }}

{{/* The probes. The kubelet's gRPC probe cannot use TLS: with TLS the ready file and an open port must do. */}}
{{- define "prlcoder.probes" -}}
{{- $own := index (index . 0).Values (index . 1) -}}
startupProbe:
  exec:
    command: [test, -s, /tmp/ready.json]
  periodSeconds: 2
  failureThreshold: {{ div (add $own.startupSeconds 1) 2 }}
readinessProbe:
  {{- if $own.tls.secretName }}
  tcpSocket:
    port: grpc
  {{- else }}
  grpc:
    port: {{ $own.port }}
  {{- end }}
  periodSeconds: 5
  timeoutSeconds: 3
livenessProbe: # not by health: a server that loads a model again says NOT_SERVING and must not be killed
  tcpSocket:
    port: grpc
  periodSeconds: 20
  timeoutSeconds: 5
  failureThreshold: 6
{{- end }}

{{/* The volumes of a service's pod, as a list of {name, mountPath, readOnly, volume}. Call with (list . name). */}}
{{- define "prlcoder.volumes" -}}
{{- $root := index . 0 -}}{{- $name := index . 1 -}}{{- $own := index $root.Values $name -}}
volumes:
- mount: {name: tmp, mountPath: /tmp}
  volume: {emptyDir: {}}
{{- if $own.tls.secretName }}
- mount: {name: tls, mountPath: /etc/prlcoder/tls, readOnly: true}
  volume: {secret: {secretName: {{ $own.tls.secretName | quote }}, defaultMode: 0440}}
{{- end }}
{{- if $own.tokens.secretName }}
- mount: {name: tokens, mountPath: /etc/prlcoder/tokens, readOnly: true}
  volume: {secret: {secretName: {{ $own.tokens.secretName | quote }}, defaultMode: 0440}}
{{- end }}
{{- if has $name (list "prm" "policy") }}
- mount: {name: shm, mountPath: /dev/shm}
  volume: {emptyDir: {medium: Memory, sizeLimit: 8Gi}}
{{- $claim := include "prlcoder.claim" $root }}
{{- if and $own.mountStorage $claim }}
- mount: {name: storage, mountPath: /var/lib/prlcoder, readOnly: true}
  volume: {persistentVolumeClaim: {claimName: {{ $claim | quote }}, readOnly: true}}
{{- end }}
{{- end }}
{{- end }}
