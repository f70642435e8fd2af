{{- define "holdfast.testLabels" -}}
app.kubernetes.io/name: {{ include "holdfast.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: test
{{- end }}

{{/* What `holdfast verify` needs to check the affinity that is on: a list of arguments. A cookie is checked where it is set, at the proxy. */}}
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
