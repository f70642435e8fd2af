{{/* The gateway's configuration file, as an annotation of its pods: `config`, and the settings that the chart derives. */}}
{{- define "holdfast.config" -}}
{{- $drain := dict "settle" .Values.timeouts.settle "window" .Values.timeouts.drain }}
{{- $defaults := dict }}
{{- with include "holdfast.maxConnectionAge" . }}{{ $_ := set $defaults "connection" (dict "maxAge" (int64 .)) }}{{ end }}
{{- with include "holdfast.trustedHops" . }}{{ $_ := set $defaults "limits" (dict "trustedHops" (int64 .) "privateAddresses" false) }}{{ end }}
{{- toYaml (mergeOverwrite $defaults (deepCopy (default dict .Values.config)) (dict "drain" $drain)) }}{{ "\n" }}
{{- end }}

{{/*
Restarts the pods if the broker's address changes. Never a secret: a URL is compared without its user and password, and files of secrets are
read again when they change.
*/}}
{{- define "holdfast.brokerChecksum" -}}
{{- $address := regexReplaceAll "://[^@/?#]*@" (default "" .Values.broker.url) "://" }}
{{- list (include "holdfast.broker" .) $address | toJson | sha256sum }}
{{- end }}
