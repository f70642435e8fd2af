{{/* The gateway's configuration file: `config`, and the settings that the chart derives. */}}
{{- define "holdfast.config" -}}
{{- $drain := dict "settle" .Values.timeouts.settle "window" .Values.timeouts.drain }}
{{- $defaults := dict }}
{{- with include "holdfast.maxConnectionAge" . }}{{ $_ := set $defaults "connection" (dict "maxAge" (int64 .)) }}{{ end }}
{{- with include "holdfast.trustedHops" . }}{{ $_ := set $defaults "limits" (dict "trustedHops" (int64 .) "privateAddresses" false) }}{{ end }}
{{- toYaml (mergeOverwrite $defaults (deepCopy .Values.config) (dict "drain" $drain)) }}
{{- end }}

{{/*
The values whose change restarts the pods: the configuration, and the broker's address. Never a secret: a URL is compared without its user and
password, and files of secrets are read again when they change.
*/}}
{{- define "holdfast.configChecksum" -}}
{{- $address := regexReplaceAll "://[^@/?#]*@" .Values.broker.url "://" }}
{{- list (include "holdfast.config" .) (include "holdfast.broker" .) $address | toJson | sha256sum }}
{{- end }}
