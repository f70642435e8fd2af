{{/*
HAProxy Technologies' controller (haproxytech/kubernetes-ingress). `cookie-persistence` on an Ingress is ignored, so it is on the Service.
`timeout-tunnel` only exists in the controller's ConfigMap; the snippet sets it for this backend alone.
https://github.com/haproxytech/kubernetes-ingress/blob/master/documentation/annotations.md
https://docs.haproxy.org/3.2/configuration.html#4.2-timeout%20tunnel
*/}}
{{- define "holdfast.ingress.haproxy.annotations" -}}
{{- if .Values.tls.enabled }}
haproxy.org/ssl-redirect: {{ .Values.tls.redirect | quote }}
{{- if .Values.tls.redirect }}
# The port that clients use. The default is the controller's own port, 8443.
haproxy.org/ssl-redirect-port: "443"
{{- end }}
{{- end }}
{{- end }}

{{- define "holdfast.ingress.haproxy.serviceAnnotations" -}}
haproxy.org/backend-config-snippet: timeout tunnel {{ include "holdfast.idleSeconds" . }}s
{{- if eq .Values.sessionAffinity.mode "cookie" }}
haproxy.org/cookie-persistence: {{ .Values.sessionAffinity.cookie.name | quote }}
{{- end }}
{{- end }}

{{- define "holdfast.ingress.haproxy.problems" -}}
{{- if eq .Values.sessionAffinity.mode "cookie" }}
{{- include "holdfast.cookie.problems" (dict "root" . "controller" "haproxy" "cannot" (list "maxAge" "secure" "sameSite")) }}
{{- end }}
{{- end }}
