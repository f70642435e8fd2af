{{/* An egress rule of { to, ports }, for TCP unless there are `protocols`; none without ports. */}}
{{- define "holdfast.egressRule" -}}
{{- if .ports }}
{{- $protocols := .protocols | default (list "") }}
- ports:
    {{- range $port := .ports }}
    {{- range $protocols }}
    - port: {{ $port | int64 }}
      {{- with . }}
      protocol: {{ . }}
      {{- end }}
    {{- end }}
    {{- end }}
  {{- with .to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- end }}

{{/* The ports of the broker, as a JSON list: the configured ones, or those of its URL. Empty without a server. */}}
{{- define "holdfast.brokerPorts" -}}
{{- $known := list }}
{{- if eq (include "holdfast.broker" .) "url" }}
{{- $known = include "holdfast.broker.urlPorts" .Values.broker.url | fromJsonArray }}
{{- end }}
{{- default $known .Values.networkPolicy.egress.broker.ports | toJson }}
{{- end }}
