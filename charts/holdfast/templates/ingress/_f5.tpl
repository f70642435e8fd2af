{{/*
F5 NGINX Ingress Controller (nginx/kubernetes-ingress). Its sticky cookie needs NGINX Plus, or NGINX from 1.29.6: an older controller
ignores it. Without NGINX Plus it refuses an Ingress with nginx.com keys, so they are not used.
https://docs.nginx.com/nginx-ingress-controller/configuration/ingress-resources/advanced-configuration-with-annotations/
https://nginx.org/en/docs/http/ngx_http_upstream_module.html#sticky
*/}}
{{- define "holdfast.ingress.f5.annotations" -}}
nginx.org/websocket-services: {{ include "holdfast.serviceName" . | quote }}
nginx.org/proxy-read-timeout: {{ int64 .Values.timeouts.read }}s
nginx.org/proxy-send-timeout: {{ int64 .Values.timeouts.send }}s
{{- if .Values.tls.enabled }}
nginx.org/ssl-redirect: {{ .Values.tls.redirect | quote }}
{{- end }}
{{- if eq .Values.sessionAffinity.mode "cookie" }}
{{- $cookie := list (printf "serviceName=%s" (include "holdfast.serviceName" .)) .Values.sessionAffinity.cookie.name "path=/" "httponly" }}
{{- with .Values.sessionAffinity.cookie }}
{{- if .maxAge }}{{ $cookie = append $cookie (printf "expires=%ds" (int64 .maxAge)) }}{{ end }}
{{- $cookie = append $cookie (printf "samesite=%s" (lower .sameSite)) }}
{{- end }}
{{- if eq (include "holdfast.cookie.secure" .) "true" }}{{ $cookie = append $cookie "secure" }}{{ end }}
nginx.org/sticky-cookie-services: {{ join " " $cookie | quote }}
{{- end }}
{{- end }}

{{- define "holdfast.ingress.f5.serviceAnnotations" -}}
{{- end }}

{{- define "holdfast.ingress.f5.problems" -}}
{{- if not .Values.ingress.hosts }}
{{- include "holdfast.problem" "ingress.hosts: F5's controller rejects an Ingress without a host. Name at least one." }}
{{- end }}
{{- end }}
