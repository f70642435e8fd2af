{{/*
ingress-nginx (kubernetes/ingress-nginx, archived in March 2026), and Traefik if it reads ingress-nginx's annotations
(--providers.kubernetesIngressNGINX). Neither uses `websocket-services`: WebSockets need no key here.
https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/annotations/
https://kubernetes.github.io/ingress-nginx/examples/affinity/cookie/
https://doc.traefik.io/traefik/reference/routing-configuration/kubernetes/ingress-nginx/
*/}}
{{- define "holdfast.ingress.nginx.annotations" -}}
nginx.ingress.kubernetes.io/proxy-read-timeout: {{ int64 .Values.timeouts.read | quote }}
nginx.ingress.kubernetes.io/proxy-send-timeout: {{ int64 .Values.timeouts.send | quote }}
{{- if .Values.tls.enabled }}
nginx.ingress.kubernetes.io/ssl-redirect: {{ .Values.tls.redirect | quote }}
{{- end }}
{{- if eq .Values.sessionAffinity.mode "cookie" }}
{{- with .Values.sessionAffinity.cookie }}
nginx.ingress.kubernetes.io/affinity: cookie
# The default, balanced, moves clients when pods are added.
nginx.ingress.kubernetes.io/affinity-mode: persistent
nginx.ingress.kubernetes.io/session-cookie-name: {{ .name | quote }}
nginx.ingress.kubernetes.io/session-cookie-path: /
nginx.ingress.kubernetes.io/session-cookie-samesite: {{ .sameSite }}
{{- if .maxAge }}
nginx.ingress.kubernetes.io/session-cookie-max-age: {{ int64 .maxAge | quote }}
{{- end }}
{{- end }}
nginx.ingress.kubernetes.io/session-cookie-secure: {{ include "holdfast.cookie.secure" . | quote }}
# If a cookie's pod has died, the next attempt goes to another pod at once, instead of only after the endpoints are updated.
nginx.ingress.kubernetes.io/session-cookie-change-on-failure: "true"
{{- end }}
{{- end }}

{{- define "holdfast.ingress.nginx.serviceAnnotations" -}}
{{- end }}

{{- define "holdfast.ingress.nginx.problems" -}}
{{- end }}
