{{/* An egress rule of { to, ports }; none without ports. */}}
{{- define "holdfast.egressRule" -}}
{{- if .ports }}
- ports:
    {{- range .ports }}
    - port: {{ . | int64 }}
    {{- end }}
  {{- with .to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- end }}

{{/* The ports of the broker, as a JSON list: the configured ones, or those in its URL, which may contain several hosts, or 6379. */}}
{{- define "holdfast.brokerPorts" -}}
{{- $ports := .Values.networkPolicy.egress.broker.ports }}
{{- if not $ports }}
{{- $hosts := regexReplaceAll "^[a-z+]+://(.*@)?([^/?]*).*$" .Values.broker.url "${2}" }}
{{- range regexFindAll ":[0-9]+" $hosts -1 }}
{{- $ports = append $ports (trimPrefix ":" . | int64) }}
{{- end }}
{{- end }}
{{- default (list 6379) (uniq $ports) | toJson }}
{{- end }}
