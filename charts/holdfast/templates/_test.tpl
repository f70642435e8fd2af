{{- define "holdfast.testLabels" -}}
app.kubernetes.io/name: {{ include "holdfast.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: test
{{- end }}

{{/* The arguments with which `holdfast verify` checks the configured affinity. A cookie is checked at the proxy, which sets it. */}}
{{- define "holdfast.verifyAffinity" -}}
{{- $hosts := ternary .Values.ingress.hosts .Values.gateway.hostnames .Values.ingress.enabled }}
{{- $host := default (regexReplaceAll ":[0-9]+$" .Values.test.ingressAddress "") (first $hosts) }}
{{- if eq .Values.sessionAffinity.mode "clientIP" }}
- --affinity=clientIP
{{- else if and (eq .Values.sessionAffinity.mode "cookie") $host }}
- --affinity=cookie
- --cookie={{ include "holdfast.cookie.name" . }}
- --ingress-url={{ ternary "wss" "ws" .Values.tls.enabled }}://{{ $host }}/ws
{{- with .Values.test.ingressAddress }}
- --ingress-address={{ . }}
{{- end }}
{{- end }}
{{- end }}
