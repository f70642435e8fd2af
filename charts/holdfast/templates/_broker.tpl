{{/* The scheme of the broker's URL in lower case; empty if the URL is unknown here, because it is in a Secret. */}}
{{- define "holdfast.broker.scheme" -}}
{{- if eq (include "holdfast.broker" .) "url" }}
{{- regexFind "^[A-Za-z][A-Za-z0-9+.-]*:" .Values.broker.url | trimSuffix ":" | lower }}
{{- end }}
{{- end }}

{{/* Whether the broker is known to be on a log: then each pod keeps histories in its memory. */}}
{{- define "holdfast.broker.isLog" -}}
{{- if has (include "holdfast.broker.scheme" .) (list "kafka" "kafka+tls" "amqp" "amqps" "nats" "nats+tls" "pubsub") }}true{{ end }}
{{- end }}

{{/* The sources of the files that parameters of the URL name, as a JSON list of a projected volume. */}}
{{- define "holdfast.broker.files" -}}
{{- $sources := list }}
{{- with .Values.broker.files }}
{{- if .existingSecret }}
{{- $sources = append $sources (dict "secret" (dict "name" .existingSecret)) }}
{{- end }}
{{- if .existingConfigMap }}
{{- $sources = append $sources (dict "configMap" (dict "name" .existingConfigMap)) }}
{{- end }}
{{- with .serviceAccountToken }}
{{- if .audience }}
{{- $token := dict "path" "token" "audience" .audience "expirationSeconds" (int64 .expirationSeconds) }}
{{- $sources = append $sources (dict "serviceAccountToken" $token) }}
{{- end }}
{{- end }}
{{- end }}
{{- toJson $sources }}
{{- end }}

{{/* Settings that the broker cannot fulfil, as far as its URL is known: the gateway would refuse to start. One problem per line. */}}
{{- define "holdfast.broker.problems" -}}
{{- $url := "" }}
{{- if eq (include "holdfast.broker" .) "url" }}
{{- $url = .Values.broker.url }}
{{- end }}
{{- if and $url (ne (include "holdfast.broker.scheme" .) "memory") (eq (include "holdfast.broker.urlPorts" $url) "[]") }}
broker.url: expected SCHEME://USER:PASSWORD@HOST:PORT, with special characters of the user and the password percent-encoded, and one of the schemes memory, {{ include "holdfast.broker.defaultPorts" . | fromYaml | keys | sortAlpha | join ", " }}
{{- end }}
{{- if and (contains "/etc/holdfast/broker/" ($url | replace "%2F" "/" | replace "%2f" "/")) (eq (include "holdfast.broker.files" .) "[]") }}
broker.files: expected a Secret or ConfigMap, because broker.url names a file in /etc/holdfast/broker
{{- end }}
{{- with .Values.broker.migration }}
{{- if and .enabled (not .existingSecret) (ne (include "holdfast.broker" $) "existing") }}
broker.migration.existingSecret: expected the name of a Secret with the URL, because the Secret of the chart does not exist yet when the Job runs
{{- end }}
{{- if and .enabled $url (not (regexMatch "^(?i)postgres(ql)?:" $url)) }}
broker.migration.enabled: expected false, because only PostgreSQL has a schema
{{- end }}
{{- end }}
{{- if include "holdfast.broker.isLog" . }}
{{- $window := regexFind "[?&]window=[0-9]+" $url | trimPrefix "?" | trimPrefix "&" | trimPrefix "window=" | default "900" | int64 }}
{{- $sections := dict "namespaceDefaults" (dig "namespaceDefaults" dict .Values.config) }}
{{- range $name, $options := dig "namespaces" dict .Values.config }}
{{- $_ := set $sections (printf "namespaces.%s" $name) $options }}
{{- end }}
{{- range $path, $options := $sections }}
{{- $ttl := dig "history" "ttl" 0 $options }}
{{- if and (gt (float64 $ttl) (float64 $window)) (ne (int64 (dig "history" "size" 1 $options)) 0) }}
config.{{ $path }}.history.ttl: expected at most {{ $window }} s, the window of the broker's log; raise it with window=… in broker.url, or lower the ttl
{{- end }}
{{- end }}
{{- if gt (float64 (dig "keyWindow" 0 .Values.config)) (float64 $window) }}
config.keyWindow: expected at most {{ $window }} s, the window of the broker's log; raise it with window=… in broker.url, or lower it
{{- end }}
{{- end }}
{{- end }}
