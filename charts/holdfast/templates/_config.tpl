{{/* The gateway's configuration file: `config`, and what the chart must know. */}}
{{- define "holdfast.config" -}}
{{- $drain := dict "settle" .Values.timeouts.settle "window" .Values.timeouts.drain }}
{{- $defaults := dict }}
{{- with include "holdfast.maxConnectionAge" . }}{{ $_ := set $defaults "connection" (dict "maxAge" (int64 .)) }}{{ end }}
{{- toYaml (merge (dict "drain" $drain) (deepCopy .Values.config) $defaults) }}
{{- end }}
