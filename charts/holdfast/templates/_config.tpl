{{/* The gateway's configuration file: `config`, and what the chart must know. */}}
{{- define "holdfast.config" -}}
{{- $drain := dict "settle" .Values.timeouts.settle "window" .Values.timeouts.drain }}
{{- toYaml (merge (dict "drain" $drain) .Values.config) }}
{{- end }}
