{{/*
Azure Application Gateway Ingress Controller: legacy. For new clusters Azure offers Application Gateway for Containers, which uses Gateway API
(`gateway`).
https://learn.microsoft.com/azure/application-gateway/ingress-controller-annotations
*/}}
{{- define "holdfast.ingress.azure.annotations" -}}
appgw.ingress.kubernetes.io/request-timeout: {{ include "holdfast.idleSeconds" . | quote }}
appgw.ingress.kubernetes.io/health-probe-path: /health/ready
appgw.ingress.kubernetes.io/health-probe-port: "8000"
appgw.ingress.kubernetes.io/connection-draining: "true"
appgw.ingress.kubernetes.io/connection-draining-timeout: {{ include "holdfast.drainSeconds" . | quote }}
appgw.ingress.kubernetes.io/cookie-based-affinity: {{ eq .Values.sessionAffinity.mode "cookie" | quote }}
{{- if .Values.tls.enabled }}
appgw.ingress.kubernetes.io/ssl-redirect: {{ .Values.tls.redirect | quote }}
{{- end }}
{{- end }}

{{- define "holdfast.ingress.azure.serviceAnnotations" -}}
{{- end }}

{{- define "holdfast.ingress.azure.problems" -}}
{{- include "holdfast.problemAbove" (dict "value" "timeouts.read and timeouts.send" "number" (include "holdfast.idleSeconds" .) "maximum" 86400 "controller" "azure") }}
{{- include "holdfast.problemAbove" (dict "value" "timeouts.preStop + settle + drain" "number" (include "holdfast.drainSeconds" .) "maximum" 3600 "controller" "azure") }}
{{- if eq .Values.sessionAffinity.mode "cookie" }}
{{- include "holdfast.cookie.problems" (dict "root" . "controller" "azure" "cannot" (list "name" "maxAge" "secure" "sameSite")) }}
{{- end }}
{{- end }}
