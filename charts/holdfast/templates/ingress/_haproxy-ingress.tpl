{{/*
HAProxy Ingress (jcmoraisjr/haproxy-ingress).
https://haproxy-ingress.github.io/docs/configuration/keys/#affinity, #timeout, #ssl-redirect
*/}}
{{- define "holdfast.ingress.haproxy-ingress.annotations" -}}
haproxy-ingress.github.io/timeout-tunnel: {{ include "holdfast.idleSeconds" . }}s
{{- if .Values.tls.enabled }}
haproxy-ingress.github.io/ssl-redirect: {{ .Values.tls.redirect | quote }}
{{- end }}
{{- if eq .Values.sessionAffinity.mode "cookie" }}
haproxy-ingress.github.io/affinity: cookie
haproxy-ingress.github.io/session-cookie-name: {{ .Values.sessionAffinity.cookie.name | quote }}
haproxy-ingress.github.io/session-cookie-strategy: insert
{{- if eq .Values.sessionAffinity.cookie.sameSite "None" }}
# Adds SameSite=None and Secure.
haproxy-ingress.github.io/session-cookie-same-site: "true"
{{- else if eq (include "holdfast.cookie.secure" .) "true" }}
haproxy-ingress.github.io/session-cookie-keywords: indirect nocache httponly secure
{{- end }}
{{- end }}
{{- end }}

{{- define "holdfast.ingress.haproxy-ingress.serviceAnnotations" -}}
{{- end }}

{{- define "holdfast.ingress.haproxy-ingress.problems" -}}
{{- if eq .Values.sessionAffinity.mode "cookie" }}
{{- include "holdfast.cookie.problems" (dict "root" . "controller" "haproxy-ingress" "cannot" (list "maxAge")) }}
{{- if eq .Values.sessionAffinity.cookie.sameSite "Strict" }}
{{- include "holdfast.cookie.problems" (dict "root" . "controller" "haproxy-ingress" "cannot" (list "sameSite")) }}
{{- end }}
{{- end }}
{{- end }}
