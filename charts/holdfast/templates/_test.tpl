{{/* The arguments of `holdfast verify`, as a YAML list. */}}
{{- define "holdfast.verifyArgs" -}}
{{- $files := list }}
{{- range include "holdfast.secretSources" . | fromJsonArray }}
{{- $files = append $files .file }}
{{- end }}
{{- $args := list (printf "--url=ws://%s:%d/ws" (include "holdfast.serviceName" .) (int64 .Values.service.port)) }}
{{- $args = append $args (printf "--pods=%s:8000" (include "holdfast.headlessServiceName" .)) }}
{{- if not .Values.autoscaling.enabled }}
{{- $args = append $args (printf "--expect-pods=%d" (int64 .Values.replicaCount)) }}
{{- end }}
{{- $args = append $args (printf "--timeout=%s" .Values.test.timeout) }}
{{- if has "jwt-secret" $files }}
{{- $args = append $args "--secret-file=/etc/holdfast/secrets/jwt-secret" }}
{{- end }}
{{- if has "api-keys" $files }}
{{- $args = append $args "--api-key-file=/etc/holdfast/secrets/api-keys" }}
{{- end }}
{{- with dig "auth" "jwt" "issuer" "" (default dict .Values.config) }}
{{- $args = append $args (printf "--issuer=%s" .) }}
{{- end }}
{{- with dig "auth" "jwt" "audience" "" (default dict .Values.config) }}
{{- $args = append $args (printf "--audience=%s" .) }}
{{- end }}
{{- concat $args (include "holdfast.verifyAffinity" . | fromJsonArray) (default list .Values.test.extraArgs) | toYaml }}
{{- end }}

{{/*
The arguments with which `holdfast verify` checks the configured affinity, as a JSON list. A cookie is checked at the proxy, which sets it.
*/}}
{{- define "holdfast.verifyAffinity" -}}
{{- $args := list }}
{{- $hosts := ternary .Values.ingress.hosts .Values.gateway.hostnames .Values.ingress.enabled | default list }}
{{- $address := default "" .Values.test.ingressAddress }}
{{- $host := default (regexReplaceAll ":[0-9]+$" $address "") (first $hosts) }}
{{- if eq .Values.sessionAffinity.mode "clientIP" }}
{{- $args = append $args "--affinity=clientIP" }}
{{- else if and (eq .Values.sessionAffinity.mode "cookie") $host }}
{{- $cookie := printf "--cookie=%s" (include "holdfast.cookie.name" .) }}
{{- $url := printf "--ingress-url=%s://%s/ws" (ternary "wss" "ws" .Values.tls.enabled) $host }}
{{- $args = list "--affinity=cookie" $cookie $url }}
{{- with $address }}
{{- $args = append $args (printf "--ingress-address=%s" .) }}
{{- end }}
{{- end }}
{{- toJson $args }}
{{- end }}
