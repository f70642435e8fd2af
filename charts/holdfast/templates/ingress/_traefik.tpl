{{/*
Traefik with its own annotations: affinity is configured on the Service. It does not end idle WebSockets, and has no key for that. TLS is
configured on its entry points: an Ingress with a tls section adds a certificate, and is also served without TLS unless it is redirected.
https://doc.traefik.io/traefik/reference/routing-configuration/kubernetes/ingress/
*/}}
{{- define "holdfast.ingress.traefik.annotations" -}}
{{- if and .Values.tls.enabled .Values.tls.redirect }}
traefik.ingress.kubernetes.io/router.middlewares: {{ printf "%s-%s@kubernetescrd" .Release.Namespace (include "holdfast.fullname" .) | quote }}
{{- end }}
{{- end }}

{{- define "holdfast.ingress.traefik.serviceAnnotations" -}}
{{- if eq .Values.sessionAffinity.mode "cookie" }}
{{- with .Values.sessionAffinity.cookie }}
traefik.ingress.kubernetes.io/service.sticky.cookie: "true"
traefik.ingress.kubernetes.io/service.sticky.cookie.name: {{ .name | quote }}
traefik.ingress.kubernetes.io/service.sticky.cookie.path: /
traefik.ingress.kubernetes.io/service.sticky.cookie.httponly: "true"
traefik.ingress.kubernetes.io/service.sticky.cookie.samesite: {{ lower .sameSite }}
{{- if .maxAge }}
traefik.ingress.kubernetes.io/service.sticky.cookie.maxage: {{ int64 .maxAge | quote }}
{{- end }}
{{- end }}
traefik.ingress.kubernetes.io/service.sticky.cookie.secure: {{ include "holdfast.cookie.secure" . | quote }}
{{- end }}
{{- end }}

{{- define "holdfast.ingress.traefik.problems" -}}
{{- end }}
